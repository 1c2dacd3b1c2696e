"""PNG and JPEG: pictures of the same pages."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from cardioserver.ecg.errors import InvalidField
from cardioserver.reports import Content, ImageFormat, Part, render_image, render_images
from tests.reports import samples


@pytest.fixture(scope="module")
def content() -> Content:
    return samples.content()


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


@pytest.mark.parametrize(("kind", "name"), [(ImageFormat.PNG, "PNG"), (ImageFormat.JPEG, "JPEG")])
@pytest.mark.parametrize("dpi", [72, 150])
def test_format_size_and_resolution(content: Content, kind: ImageFormat, name: str, dpi: int) -> None:
    image = opened(render_image(content, samples.OPTIONS, kind, dpi=dpi))
    assert image.format == name
    assert [size / dpi * 25.4 for size in image.size] == pytest.approx([297, 210], abs=0.4)
    assert [float(each) for each in image.info["dpi"]] == pytest.approx([dpi, dpi], abs=0.1)


def test_each_page_has_its_picture(content: Content) -> None:
    pictures = render_images(content, samples.OPTIONS, ImageFormat.PNG, dpi=60)
    assert len(pictures) == 2
    assert pictures[1] == render_image(content, samples.OPTIONS, ImageFormat.PNG, dpi=60, page=2)
    upright = replace(samples.OPTIONS, portrait=True, parts=frozenset({Part.ECG}))
    image = opened(render_image(content, upright, ImageFormat.PNG, dpi=60))
    assert image.width < image.height


def test_few_colours_keep_the_picture(content: Content) -> None:
    """The palette of the PNG is near the true colours: black ink, white paper, a light grid."""
    image = np.asarray(opened(render_image(content, samples.OPTIONS, ImageFormat.PNG)).convert("RGB")).astype(
        int
    )
    assert (image[:30, :30] == 255).all()
    assert image.min() <= 10
    grid = image[700:1150, 150:1600].reshape(-1, 3)
    reddish = grid[(grid[:, 0] > 220) & (grid[:, 1] < 220)]
    assert len(reddish) > 1000
    assert (reddish @ [0.299, 0.587, 0.114]).min() > 140


def test_impossible_pages_and_resolutions_are_refused(content: Content) -> None:
    for arguments, field in (({"page": 3}, "page"), ({"page": 0}, "page"), ({"dpi": 20}, "dpi")):
        with pytest.raises(InvalidField) as told:
            render_image(content, samples.OPTIONS, ImageFormat.PNG, **arguments)
        assert told.value.field == f"report.{field}"
