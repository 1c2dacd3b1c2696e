"""The printed page: PDF, PNG and JPEG of an ECG from one drawing."""

from cardioserver.reports.content import Conclusion, Content, Stamp
from cardioserver.reports.document import render_pdf
from cardioserver.reports.options import Filter, Layout, Options, Part
from cardioserver.reports.raster import ImageFormat, render_image, render_images

__all__ = [
    "Conclusion",
    "Content",
    "Filter",
    "ImageFormat",
    "Layout",
    "Options",
    "Part",
    "Stamp",
    "render_image",
    "render_images",
    "render_pdf",
]
