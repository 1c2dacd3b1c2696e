"""Which beats look alike."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Index = npt.NDArray[np.intp]

UNLIKE = -1
ENOUGH = 3  # beats that make a kind; an average of fewer is as noisy as the beat itself
MOST_KINDS = 3
ROUNDS = 2


def kinds_of(shapes: npt.NDArray[np.floating[Any]], alike: float, noise: float = 0.0) -> Index:
    """The kind of each beat, from 0 for the usual one; ``UNLIKE`` where it has no company.

    Two beats are as like as ``2 a·b / (a·a + b·b)``: the correlation of their shapes, less if one is larger;
    what is known to be noise does not count in the denominator.

    Parameters
    ----------
    shapes
        One row for each beat.
    alike
        How like the usual beat of its kind a beat must be, 0 to 1.
    noise
        How much of ``a·a`` is noise, as far as it is known.

    Returns
    -------
    array
        Shape ``(beats,)``.
    """
    kinds = np.full(len(shapes), UNLIKE, dtype=np.intp)
    if len(shapes) < ENOUGH:
        return kinds
    energy = np.maximum((shapes**2).sum(axis=1) - noise, 0)
    alike_in_noise = alike / (2 - alike)  # two noisy beats are less like each other than like the mean
    pairs = 2 * (shapes @ shapes.T) > alike_in_noise * (energy[:, None] + energy) + 1e-9
    for kind in range(MOST_KINDS):
        free = kinds == UNLIKE
        members = free & pairs[np.argmax(pairs @ free.astype(np.intp) * free)]
        for _ in range(ROUNDS):
            if members.sum() < ENOUGH:
                return kinds
            usual = shapes[members].mean(axis=0)
            members = free & (2 * shapes @ usual > alike * (energy + usual @ usual))
        if members.sum() < ENOUGH:
            return kinds
        kinds[members] = kind
    return kinds
