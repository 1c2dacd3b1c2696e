"""A printing process that does harm: what, the first sample of the recording says."""

from __future__ import annotations

import os
import time

import numpy as np

from cardioserver.ecg.errors import InvalidField
from cardioserver.integration import pageworker
from cardioserver.reports import Content, Options
from cardioserver.reports import render_pdf as honestly

ABORT, HANG, BOMB, FAIL, REFUSE = range(31_001, 31_006)


def render_pdf(content: Content, options: Options) -> bytes:
    """Do the harm, or print."""
    match int(content.recording.samples[0, 0]):
        case harm if harm == ABORT:
            os.abort()
        case harm if harm == HANG:
            time.sleep(3600)
        case harm if harm == BOMB:
            np.ones(1 << 40, np.uint8)
        case harm if harm == FAIL:
            raise ZeroDivisionError("a text that nobody may see")
        case harm if harm == REFUSE:
            raise InvalidField("report.stamp", 0, "a PNG or JPEG picture")
    return honestly(content, options)


pageworker.render_pdf = render_pdf
work = pageworker.work
