"""Pages as they were approved by eye.

After a wanted change this keeps the new ones; look at them before they are committed::

    KEEP_PAGES=1 .venv/bin/pytest tests/reports/test_golden.py
"""

from __future__ import annotations

import io
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cardioserver.ecg.lead import Lead
from cardioserver.reports import Content, ImageFormat, Layout, Options, Part, Stamp, render_image
from tests.reports import samples

GOLDEN = Path(__file__).with_name("golden")
DPI = 60
GREY_LEVELS = 40  # a pixel differs if it is that much lighter or darker after a slight blur
SHARE = 0.002  # of the pixels may differ: letters drawn by another version, a later program version

ECG, BEATS = frozenset({Part.ECG}), frozenset({Part.BEATS})
CASES: dict[str, dict[str, object]] = {
    "3x4": {"parts": ECG},
    "3x4-cabrera": {"parts": ECG, "cabrera": True, "rhythm": (Lead.II, Lead.V1, Lead.V5)},
    "6x2": {"parts": ECG, "layout": Layout.SIX_BY_TWO},
    "12x1": {"parts": ECG, "layout": Layout.TWELVE_BY_ONE},
    "12x1-portrait": {"parts": ECG, "layout": Layout.TWELVE_BY_ONE, "portrait": True},
    "6x2-portrait-english": {"parts": ECG, "portrait": True, "language": "en"},
    "rhythm": {"parts": ECG, "layout": Layout.RHYTHM, "rhythm": (Lead.II,)},
    "beats": {"parts": BEATS},
    "strip": {"parts": frozenset({Part.STRIP})},
}


def case(name: str) -> tuple[Content, Options]:
    text = "Синусовый ритм. Вариант нормы. Рекомендован контроль ЭКГ через год."
    signed = samples.conclusion(text, stamp=Stamp(text="Врач функциональной диагностики Петрова А. В."))
    content = samples.content(samples.recording(40.0 if name in ("rhythm", "strip") else 10.0))
    if name in ("6x2", "12x1-portrait"):
        content = replace(content, conclusions=(signed,))
    return content, replace(samples.OPTIONS, **CASES[name])


def drawn(name: str) -> bytes:
    """The page as a small grey picture."""
    return as_grey(render_image(*case(name), ImageFormat.PNG, dpi=DPI))


def as_grey(picture: bytes) -> bytes:
    file = io.BytesIO()
    Image.open(io.BytesIO(picture)).convert("L").save(file, "PNG", optimize=True)
    return file.getvalue()


def grey(data: bytes) -> np.ndarray:
    """Grey levels, each pixel with its neighbours: a shift by a part of a pixel is no difference."""
    levels = np.asarray(Image.open(io.BytesIO(data))).astype(float)
    padded = np.pad(levels, 1, mode="edge")
    return sum(
        padded[down : down + levels.shape[0], right : right + levels.shape[1]]
        for down in range(3)
        for right in range(3)
    ) / 9  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_page_is_as_it_was_approved(name: str) -> None:
    page, file = drawn(name), GOLDEN / f"{name}.png"
    if os.environ.get("KEEP_PAGES"):
        file.write_bytes(page)
    want, got = grey(file.read_bytes()), grey(page)
    assert got.shape == want.shape
    differs = np.abs(got - want) > GREY_LEVELS
    assert differs.mean() <= SHARE, f"{differs.mean():.2%} of {name} differ"


def test_a_page_with_one_lead_swapped_is_not_as_approved() -> None:
    """The tolerance is narrower than a mistake that matters."""
    content, options = case("3x4")
    turned = content.recording.samples.copy()
    turned[0] *= -1
    image = render_image(
        replace(content, recording=replace(content.recording, samples=turned)),
        options,
        ImageFormat.PNG,
        dpi=DPI,
    )
    grey_image = io.BytesIO()
    Image.open(io.BytesIO(image)).convert("L").save(grey_image, "PNG")
    differs = np.abs(grey(grey_image.getvalue()) - grey((GOLDEN / "3x4.png").read_bytes())) > GREY_LEVELS
    assert differs.mean() > SHARE
