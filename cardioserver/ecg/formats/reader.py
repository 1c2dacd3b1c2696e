"""The registry of readers: any known ECG file to a :class:`ForeignExam`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cardioserver.ecg.errors import FormatError
from cardioserver.ecg.formats import dicom, wfdb
from cardioserver.ecg.formats.foreign import ForeignExam

__all__ = ["READERS", "ForeignExam", "Reader", "read"]

_LOOK = 4096  # bytes at the beginning by which a format is recognised


@dataclass(frozen=True, slots=True)
class Reader:
    """One format: how its files are recognised, and what reads them."""

    name: str
    recognises: Callable[[Path, bytes], bool]
    """Whether a path, and the first bytes of what is there, are of this format."""
    read: Callable[[Path], ForeignExam]


READERS = (
    Reader("DICOM", dicom.recognises, dicom.read),
    Reader("WFDB", wfdb.recognises, wfdb.read),
)
"""Every format there is, in the order in which they are tried."""


def read(path: Path) -> ForeignExam:
    """Read an ECG file of any known format, recognised by its content.

    A WFDB record is named by its ``.hea`` file (or its ``.dat`` file beside it).

    Raises
    ------
    FormatError
        No reader knows the file, or it is damaged or not conforming; the text says what is wrong.
    InvalidField
        A value in the file cannot be true (a rate of 0 Hz, a name of 1,000 letters).
    OSError
        The file cannot be opened.
    """
    if path.is_dir():
        raise FormatError("a folder, not a file", "это каталог, а не файл")
    with path.open("rb") as file:
        head = file.read(_LOOK)
    if not head:
        raise FormatError("the file is empty", "файл пуст")
    for reader in READERS:
        if reader.recognises(path, head):
            return reader.read(path)
    names = [reader.name for reader in READERS]
    raise FormatError(
        f"not an ECG file that can be read: it is not {' or '.join(names)}",
        f"это не файл ЭКГ, который можно прочитать: не {' и не '.join(names)}",
    )
