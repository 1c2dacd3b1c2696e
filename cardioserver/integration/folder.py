"""The folder exporter: documents of finished exams in a directory that another system watches.

A document appears whole or not at all: everything is written and synced under a hidden name in the same
directory and then renamed.
"""

from __future__ import annotations

import json
import shutil
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

from pydantic import Field

from cardioserver.integration.documents import conclusion_text, exam_document, wfdb_record
from cardioserver.integration.exporter import (
    Delivery,
    DeliveryOptions,
    Source,
    Terms,
    read_options,
)
from cardioserver.integration.files import holds, retryable, sync, write
from cardioserver.integration.naming import NameTemplate
from cardioserver.integration.pages import PageFormat, PageSettings
from cardioserver.language import Phrase
from cardioserver.protocol.messages import EventKind, ExamDetails
from cardioserver.settings import ConfigError, Problem

_KINDS = {
    "stored": EventKind.EXAM_STORED,
    "report": EventKind.AUTO_REPORT,
    "conclusion": EventKind.CONCLUSION,
    "both": EventKind.EXAM_STORED | EventKind.CONCLUSION,
    "report+conclusion": EventKind.AUTO_REPORT | EventKind.CONCLUSION,
}
_TEMPORARY = ".cardioserver-"
_READING_TIME = 60.0  # seconds that somebody may take to read a folder
_LEFTOVER_AGE = 3600.0  # seconds; no delivery writes files for so long


class FolderOptions(DeliveryOptions):
    """Options of a ``folder`` exporter."""

    folder: Path = Field(description="Where the documents go: an absolute path. Made if it is missing.")
    when: Literal["stored", "report", "conclusion", "both", "report+conclusion"] = Field(
        default="conclusion", description="What makes an exam's documents due."
    )
    layout: Literal["folder", "files"] = Field(
        default="folder", description="A folder for each exam, or files that begin with its name."
    )
    name: str = Field(
        default="{patient_exam.start_date}_{patient_exam.uuid}",
        description="Template of that name.",
    )
    documents: tuple[Literal["json", "wfdb", "text", "pdf", "png", "jpeg"], ...] = Field(
        default=("json", "wfdb", "text"), min_length=1, description="Which documents."
    )
    page: PageSettings = Field(
        default_factory=PageSettings, description="How `pdf`, `png` and `jpeg` look: see below."
    )
    mode: str = Field(
        default="0640",
        pattern=r"^0[0-7]{3}$",
        description="Permissions of files; folders get those to enter too.",
    )


class FolderExporter:
    """Writes the documents of exams to a directory.

    Raises
    ------
    ConfigError
        Options that it cannot work with. A directory that is not there is none of them: deliveries wait for
        it, as for any system that is down.
    """

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        self._options = read_options(FolderOptions, options)
        self._folder = self._options.folder
        if not self._folder.is_absolute():
            raise ConfigError(None, (Problem("folder", json.dumps(str(self._folder)), _ABSOLUTE),))
        self._name = NameTemplate(self._options.name, "name")
        self._mode = int(self._options.mode, 8)
        self._replaced: deque[tuple[float, Path]] = deque()
        self.terms: Terms = self._options.terms(name, _KINDS[self._options.when])
        with suppress(OSError):
            self._remove_leftovers()

    def deliver(self, delivery: Delivery, source: Source) -> None:
        """See :class:`~cardioserver.integration.exporter.Exporter`."""
        self._remove_replaced(time.monotonic() - _READING_TIME)
        details = source.exam(delivery.exam_id)
        name = self._name.of(details)
        files = self._documents(delivery, details, source, name)
        with retryable(self._folder), self._staged(delivery, files) as staged:
            target = self._folder / name
            target.parent.mkdir(self._folder_mode, parents=True, exist_ok=True)
            if self._options.layout == "folder":
                self._put_folder(staged, target, files)
            else:
                for file in files:  # the JSON file last: when it is there, all are
                    (staged / file).replace(target.parent / file)
                self._remove_other_pages(target, files)
            sync(target.parent)

    def close(self) -> None:
        """Remove what is still hidden."""
        self._remove_replaced(time.monotonic())

    @property
    def _folder_mode(self) -> int:
        """Whoever may read a file may enter its folder."""
        return self._mode | (self._mode & 0o444) >> 2

    def _documents(
        self, delivery: Delivery, details: ExamDetails, source: Source, name: str
    ) -> dict[str, bytes]:
        """Contents of the files by their names, the JSON file last."""
        wanted = self._options.documents
        in_folder = self._options.layout == "folder"
        stem = name.rpartition("/")[2]
        files: dict[str, bytes] = {}
        if "wfdb" in wanted:
            recording = source.signal(delivery.exam_id)
            files |= wfdb_record("ecg" if in_folder else stem, details, recording)
        for kind in PageFormat:
            if kind in wanted:
                pages = source.pages(delivery, self._options.page, kind)
                files |= _numbered("ecg" if in_folder else stem, kind, pages)
        conclusions = source.conclusions(delivery.exam_id)
        if "text" in wanted and conclusions:
            files["conclusion.txt" if in_folder else f"{stem}.txt"] = conclusion_text(details, conclusions)
        if "json" in wanted:
            document = exam_document(delivery, details, conclusions, source)
            files["exam.json" if in_folder else f"{stem}.json"] = document
        return files

    @contextmanager
    def _staged(self, delivery: Delivery, files: Mapping[str, bytes]) -> Iterator[Path]:
        """A hidden folder with the files, durable; what is left of it at the end is removed."""
        staged = self._folder / f"{_TEMPORARY}{delivery.delivery_id}-{uuid4().hex[:12]}"
        staged.mkdir(0o700)
        try:
            for name, content in files.items():
                write(staged / name, content, self._mode)
            staged.chmod(self._folder_mode)
            sync(staged)
            yield staged
        finally:
            shutil.rmtree(staged, ignore_errors=True)

    def _remove_other_pages(self, target: Path, files: Mapping[str, bytes]) -> None:
        """Remove the pages of an earlier delivery of the exam that had more of them."""
        for kind in PageFormat:
            for number in count(2):
                name = _page_name(target.name, kind, number)
                if name not in files:
                    try:
                        (target.parent / name).unlink()
                    except FileNotFoundError:
                        break

    def _put_folder(self, staged: Path, target: Path, files: Mapping[str, bytes]) -> None:
        if holds(target, files):
            return  # this very delivery arrived before, and the outbox did not get to know
        replaced = staged.with_name(f"{staged.name}-replaced")
        with suppress(FileNotFoundError):
            target.rename(replaced)
            self._replaced.append((time.monotonic(), replaced))
        try:
            staged.rename(target)
        except OSError:
            with suppress(OSError):
                replaced.rename(target)
            raise

    def _remove_replaced(self, before: float) -> None:
        """Remove folders replaced before a moment: nobody who began to read one sees it being emptied."""
        with suppress(IndexError):
            while self._replaced[0][0] <= before:
                shutil.rmtree(self._replaced.popleft()[1], ignore_errors=True)

    def _remove_leftovers(self) -> None:
        """Remove what a process that was killed left."""
        oldest = time.time() - _LEFTOVER_AGE
        for path in self._folder.glob(f"{_TEMPORARY}*"):
            if path.stat().st_mtime < oldest:
                shutil.rmtree(path, ignore_errors=True)


def _numbered(stem: str, kind: PageFormat, pages: Sequence[bytes]) -> dict[str, bytes]:
    return {_page_name(stem, kind, number): page for number, page in enumerate(pages, start=1)}


def _page_name(stem: str, kind: PageFormat, number: int) -> str:
    return f"{stem}.{kind}" if number == 1 else f"{stem}-{number}.{kind}"


_ABSOLUTE = Phrase("allowed is an absolute path", "допустим абсолютный путь")
