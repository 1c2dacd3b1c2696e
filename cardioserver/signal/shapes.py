"""Which QRS complexes are alike.

Beats are laid on each other and sorted by correlation, as in P. Hamilton's beat classifier ("Open source ECG
analysis", Computers in Cardiology 2002): each kind has a template that follows slow changes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cardioserver.signal.order import median

Floats = npt.NDArray[np.float32]
Halves = npt.NDArray[np.float16]
Index = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]

BEFORE, AFTER = 12, 18  # samples of the grid (10 ms) about the peak that hold a QRS, a broad one too
SLACK = 3  # samples by which beats are shifted to fit
P_WAVE = (-26, -7)  # where a P wave lies
MARGIN = -P_WAVE[0] + SLACK
ALIKE = 0.9  # correlation within a kind
SAME_FORM = 0.7  # correlation of kinds that may have one origin
HEIGHT_RATIO = 1.6  # a QRS of the same kind is no larger or smaller than that
SECTION = 150  # beats sorted at once
MOST_KINDS = 24
MOST_SINGLE_KINDS = 12  # beyond, a beat that is like no other founds no kind
FIRST_SHARE = 0.7
PLACE_REACH = 6  # samples from the peak of a QRS to where it is steepest, at most
MEMORY = 100  # beats after which a template has forgotten


@dataclass(frozen=True, slots=True, eq=False)
class Kinds:
    """The beats of a record sorted by shape.

    Attributes
    ----------
    of
        Number of each beat's kind, -1 for a beat of none.
    templates
        One for each kind, shape ``(kinds, leads, BEFORE + AFTER + 1)``, each lead without its mean.
    shift
        By how many samples of the grid each beat lies later than its kind's template, to fractions.
    height
        Root of the energy of each QRS over the leads seen.
    """

    of: Index
    templates: Floats
    shift: Floats
    height: Floats


def sort_shapes(beats: Halves, seen: Mask) -> Kinds:
    """Sort beats by the shape of their QRS.

    Parameters
    ----------
    beats
        Stretches of the grid, :data:`MARGIN` to each side of the peaks: ``(beats, leads, 2 * MARGIN + 1)``.
    seen
        Which leads of which beat may be looked at, shape ``(beats, leads)``.
    """
    sorter = _Sorter()
    count = len(beats)
    sections = max(1, round(count / SECTION))
    parts = [
        sorter.sort(beats[count * part // sections : count * (part + 1) // sections],
                    seen[count * part // sections : count * (part + 1) // sections])
        for part in range(sections)
    ]  # fmt: skip
    of, shift, height = (np.concatenate(column) for column in zip(*parts, strict=True))
    templates = [kind.template for kind in sorter.kinds]
    empty = np.zeros((0, beats.shape[1], BEFORE + AFTER + 1), dtype=np.float32)
    return Kinds(of, np.array(templates) if templates else empty, shift, height)


def forms(kinds: Kinds) -> Index:
    """The number of each beat's form: a kind that resembles a commoner one is of its form, -1 for none."""
    sizes = np.bincount(kinds.of[kinds.of >= 0], minlength=len(kinds.templates))
    flat = kinds.templates.reshape(len(kinds.templates), -1)
    flat = flat / (np.linalg.norm(flat, axis=1, keepdims=True) + 1e-9)
    like = flat @ flat.T >= SAME_FORM
    form = np.arange(len(flat), dtype=np.intp)
    commoner: list[int] = []
    for kind in np.argsort(-sizes, kind="stable").tolist():
        found = [other for other in commoner if like[kind, other]]
        form[kind] = found[0] if found else kind
        commoner += [] if found else [kind]
    result: Index = np.where(kinds.of >= 0, form[kinds.of] if len(form) else -1, -1)
    return result


def shifted_qrs(beats: Halves, seen: Mask) -> Floats:
    """QRS windows at all shifts, unseen leads zero: shape ``(beats, shifts, leads * window)``."""
    window = beats[:, :, MARGIN - BEFORE - SLACK : MARGIN + AFTER + SLACK + 1].astype(np.float32)
    each = np.lib.stride_tricks.sliding_window_view(window, BEFORE + AFTER + 1, axis=2).swapaxes(1, 2)
    each = each - each.mean(axis=3, keepdims=True)
    each *= seen[:, None, :, None]
    return np.ascontiguousarray(each).reshape(len(beats), 2 * SLACK + 1, -1)


def likeness(shifted: Floats, seen: Mask, template: Floats) -> Floats:
    """Correlation at all shifts with *template* over the leads seen, shape ``(beats, shifts)``."""
    size = np.sqrt((shifted**2).sum(axis=2)) * np.sqrt(seen @ (template**2).sum(axis=1))[:, None]
    alike: Floats = (shifted @ template.ravel()) / np.maximum(size, 1e-6)
    return alike


@dataclass(slots=True, eq=False)
class _Kind:
    template: Floats
    height: float
    beats: int = 0


class _Sorter:
    """Sorts section after section; what it has learned of the kinds stays."""

    def __init__(self) -> None:
        self.kinds: list[_Kind] = []

    def sort(self, beats: Halves, seen: Mask) -> tuple[Index, Floats, Floats]:
        """Kind, shift and height of each beat."""
        shifted = shifted_qrs(beats, seen)
        height = np.sqrt((shifted[:, SLACK] ** 2).sum(axis=1))
        best = np.full(len(beats), -1.0, dtype=np.float32)
        of = np.full(len(beats), -1, dtype=np.intp)
        fit = np.zeros((len(beats), 2 * SLACK + 1), dtype=np.float32)

        def compare(number: int) -> None:
            alike = likeness(shifted, seen, self.kinds[number].template)
            apart = np.abs(np.log(np.maximum(height, 1e-3) / self.kinds[number].height))
            score = alike.max(axis=1) - 0.3 * np.maximum(apart - np.log(HEIGHT_RATIO), 0)
            better = (score > best) & (score >= ALIKE)
            best[better], of[better], fit[better] = score[better], number, alike[better]

        for number in range(len(self.kinds)):
            compare(number)
        while (free := np.flatnonzero(of < 0)).size and len(self.kinds) < MOST_KINDS:
            company = _company(shifted[free], seen[free], height[free])
            founder = int(company.sum(axis=0).argmax())
            members = free[company[:, founder]]
            if len(members) < 2 and len(self.kinds) >= MOST_SINGLE_KINDS:
                break
            self._found(shifted, members, free[founder], height)
            compare(len(self.kinds) - 1)
            if of[free[founder]] < 0:
                of[free[founder]] = len(self.kinds) - 1
        self._learn(shifted, of, fit, height)
        return of, _best_shift(fit), height

    def _found(self, shifted: Floats, members: Index, founder: int, height: Floats) -> None:
        """A new kind: the mean of *members*, laid on the *founder*."""
        template = shifted[founder, SLACK]
        best = (shifted[members] @ template).argmax(axis=1)
        template = _unit(shifted[members, best]).mean(axis=0)
        self.kinds.append(_Kind(self._shaped(_unit(template)), float(median(height[members])) + 1e-3))

    def _shaped(self, template: Floats) -> Floats:
        return template.reshape(-1, BEFORE + AFTER + 1)

    def _learn(self, shifted: Floats, of: Index, fit: Floats, height: Floats) -> None:
        """Let the templates follow their beats."""
        for number, kind in enumerate(self.kinds):
            members = np.flatnonzero(of == number)
            if not len(members):
                continue
            share = len(members) / (min(kind.beats, MEMORY) + len(members))
            mean = _unit(_unit(shifted[members, fit[members].argmax(axis=1)]).mean(axis=0))
            kind.template = self._shaped(_unit((1 - share) * kind.template.ravel() + share * mean))
            usual = np.log(median(height[members]) + 1e-3)
            kind.height = float(np.exp((1 - share) * np.log(kind.height) + share * usual))
            kind.beats += len(members)


def _company(shifted: Floats, seen: Mask, height: Floats) -> Mask:
    """Which beats (rows) are of one kind with which (columns)."""
    count, _, width = shifted.shape
    middle = shifted[:, SLACK]
    energy = (middle.reshape(count, seen.shape[1], -1) ** 2).sum(axis=2)
    common = np.sqrt(np.maximum(seen @ energy.T, 1e-6))
    own = np.sqrt((shifted**2).sum(axis=2))
    product = (shifted.reshape(-1, width) @ middle.T).reshape(count, -1, count)
    alike = (product / np.maximum(own[:, :, None] * common[:, None], 1e-6)).max(axis=1)
    size = np.log(np.maximum(height, 1e-3))
    company = (alike >= ALIKE) & (np.abs(size[:, None] - size) < np.log(HEIGHT_RATIO))
    return np.asarray(company | np.eye(count, dtype=np.bool_))  # a beat of nothing is like itself, too


def _unit(values: Floats) -> Floats:
    scaled: Floats = values / np.maximum(np.sqrt((values**2).sum(axis=-1, keepdims=True)), 1e-6)
    return scaled


def _best_shift(fit: Floats) -> Floats:
    """Shift of the best fit, by a parabola through it and its neighbours."""
    best = np.clip(fit.argmax(axis=1), 1, 2 * SLACK - 1)
    each = np.arange(len(fit))
    left, middle, right = fit[each, best - 1], fit[each, best], fit[each, best + 1]
    bend = np.maximum(2 * middle - left - right, 1e-6)
    shift: Floats = best - SLACK + np.clip((right - left) / 2 / bend, -1, 1)
    return np.where(fit.any(axis=1), shift, 0).astype(np.float32)


def place_in(template: Floats) -> int:
    """Where in a template the QRS begins to be steepest, in samples from its middle.

    The first place nearly as steep as the steepest: readers mark the first peak of a broad complex, and its
    beginning is where it is sharp.
    """
    slope = (np.diff(template, axis=1) ** 2).sum(axis=0)
    slope = np.convolve(slope, (1, 2, 3, 2, 1), mode="same")[BEFORE - PLACE_REACH : BEFORE + PLACE_REACH]
    first = int((slope >= FIRST_SHARE * slope.max()).argmax())
    while first + 1 < len(slope) and slope[first + 1] > slope[first]:
        first += 1
    return first - PLACE_REACH
