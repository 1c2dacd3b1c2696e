"""The registry of readers: any known ECG file to a :class:`ForeignExam`."""

from __future__ import annotations

from pathlib import Path

from cardioserver.ecg.formats.foreign import ForeignExam

__all__ = ["ForeignExam", "read"]


def read(path: Path) -> ForeignExam:
    """Read an ECG file of any known format, recognised by its content.

    A WFDB record is named by its ``.hea`` file (or its ``.dat`` file beside it).

    Raises
    ------
    FormatError
        No reader knows the file, or it is damaged or not conforming; the text says what is wrong.
    OSError
        The file cannot be opened.
    """
    raise NotImplementedError
