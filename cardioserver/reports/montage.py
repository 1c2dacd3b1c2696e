"""Which lead stands where, and which time of it is shown."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from cardioserver.ecg.lead import Lead
from cardioserver.reports.channel import Channel
from cardioserver.reports.options import Layout, Options

FEW = 3  # leads that are shown as a rhythm strip
LEADS_OF_A_COLUMN = {Layout.THREE_BY_FOUR: 3, Layout.SIX_BY_TWO: 6}
SHORTEST_COLUMN_S = 2.0  # a column must hold more than one beat
LINE_MM = 22.0  # height of a lead in a rhythm strip of many lines


@dataclass(frozen=True, slots=True)
class Cell:
    """A lead from *start* to *stop* s of the recording, *x* mm right of where the traces begin."""

    channel: Channel
    start: float
    stop: float
    x: float


@dataclass(frozen=True, slots=True)
class Row:
    """Cells beside each other; ``at`` is the time to print before the row, in s; ``named``: with labels."""

    cells: tuple[Cell, ...]
    at: float | None = None
    named: bool = True


@dataclass(frozen=True, slots=True)
class Montage:
    """All rows of a page. ``title`` names the arrangement, e.g. ``3×4 + II``."""

    rows: tuple[Row, ...]
    title: str

    @property
    def channels(self) -> tuple[Channel, ...]:
        """Each lead that is shown, once."""
        return tuple(dict.fromkeys(cell.channel for row in self.rows for cell in row.cells))

    @property
    def span(self) -> tuple[float, float]:
        """First and last second that is shown."""
        cells = [cell for row in self.rows for cell in row.cells]
        return min(cell.start for cell in cells), max(cell.stop for cell in cells)


def montage(
    channels: Sequence[Channel], duration: float, options: Options, width: float, height: float
) -> Montage:
    """The arrangement of the first page.

    Parameters
    ----------
    channels
        In the order in which they are read.
    duration
        Of the recording, s.
    width, height
        Room for the traces, mm.
    """
    seconds = width / options.speed
    layout = options.layout
    if layout is Layout.AUTO:
        layout = _chosen(len(channels), seconds)
    start = min(options.start, max(duration - seconds, 0.0))
    line = _Line(channels, start, duration, width, options.speed)
    if layout is Layout.RHYTHM:
        chosen = line.named(options.rhythm or ()) or tuple(channels)[:FEW]
        lines = max(1, int(height / (LINE_MM * len(chosen))))
        rows = lines_of(chosen, start, min(duration, start + lines * seconds), seconds)
        return Montage(rows, " + ".join(channel.label for channel in chosen))
    if layout in LEADS_OF_A_COLUMN:
        rows, title = line.columns(LEADS_OF_A_COLUMN[layout])
        strips = line.strips((Lead.II,) if options.rhythm is None else options.rhythm)
    else:
        rows = tuple(line.whole(channel) for channel in channels)
        title, strips = f"{len(rows)}×1", line.strips(options.rhythm or ())
    names = "".join(f" + {row.cells[0].channel.label}" for row in strips)
    return Montage((*rows, *strips), title + names)


def lines_of(channels: Sequence[Channel], start: float, stop: float, seconds: float) -> tuple[Row, ...]:
    """A continuous strip: line after line of *seconds* s, each with all *channels*."""
    rows: list[Row] = []
    count = max(1, math.ceil((stop - start) / seconds - 1e-6))
    for line in range(count):
        begin = start + line * seconds
        for number, channel in enumerate(channels):
            cell = Cell(channel, begin, min(begin + seconds, stop), 0.0)
            rows.append(
                Row((cell,), begin if count > 1 and not number else None, named=not line or len(channels) > 1)
            )
    return tuple(rows)


def _chosen(count: int, seconds: float) -> Layout:
    if count <= FEW:
        return Layout.RHYTHM
    if count < 12:
        return Layout.TWELVE_BY_ONE
    columns = math.ceil(count / LEADS_OF_A_COLUMN[Layout.THREE_BY_FOUR])
    return Layout.THREE_BY_FOUR if seconds / columns >= SHORTEST_COLUMN_S else Layout.SIX_BY_TWO


@dataclass(frozen=True, slots=True)
class _Line:
    """What stands on the width of the paper: *width* mm of time from *start* s on."""

    channels: Sequence[Channel]
    start: float
    duration: float  # of the recording
    width: float
    speed: float

    def whole(self, channel: Channel) -> Row:
        """One lead over all of it."""
        stop = min(self.duration, self.start + self.width / self.speed)
        return Row((Cell(channel, self.start, stop, 0.0),))

    def named(self, wanted: Sequence[Lead]) -> tuple[Channel, ...]:
        """The channels of some leads, as far as they are there."""
        return tuple(channel for lead in wanted for channel in self.channels if channel.lead is lead)

    def strips(self, wanted: Sequence[Lead]) -> tuple[Row, ...]:
        """Rhythm strips below the columns."""
        return tuple(self.whole(channel) for channel in self.named(wanted))

    def columns(self, high: int) -> tuple[tuple[Row, ...], str]:
        """Columns of *high* simultaneous leads, each going on where the last one ended, and their title.

        A recording too short for that shows the same time in all columns.
        """
        groups = [self.channels[first : first + high] for first in range(0, len(self.channels), high)]
        step = self.width / len(groups)
        seconds = step / self.speed
        goes_on = self.start + seconds * len(groups) <= self.duration + 1 / self.speed
        columns = []
        for number, group in enumerate(groups):
            begin = self.start + seconds * number * goes_on
            stop = min(begin + seconds, self.duration)
            columns.append([Cell(channel, begin, stop, step * number) for channel in group])
        rows = [
            Row(tuple(column[place] for column in columns if place < len(column))) for place in range(high)
        ]
        return tuple(row for row in rows if row.cells), f"{high}×{len(groups)}"
