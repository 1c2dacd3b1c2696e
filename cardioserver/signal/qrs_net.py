"""A small convolutional network that sees the QRS complexes of one lead.

Six layers of convolutions, about 16 000 weights, run by numpy alone. The last ones see an ever wider stretch
by dilation (F. Yu, V. Koltun, "Multi-scale context aggregation by dilated convolutions", ICLR 2016): each
answer knows 1.9 s on both sides, so a deflection is judged by its shape and by what beats with it, as a
reader does. ``benchmarks/train_qrs.py`` makes the weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

FRAME_S = 0.02  # of the output
FRAMES_PER_STEP = 2  # answers for each place of the last layer
CONTEXT = 200  # input samples that an answer depends on, on each side, and a whole number of steps
PIECE = 16384  # input samples of all leads together worked on at once: they fit the cache


@dataclass(frozen=True, slots=True)
class Layer:
    """Shape of one layer: a convolution, then what is negative cut off."""

    taps: int
    inputs: int
    outputs: int
    dilation: int = 1
    pooled: bool = False  # of each two neighbours keep the larger
    residual: bool = False  # add the layer's input to its output


LAYERS = (
    Layer(9, 1, 12, pooled=True),
    Layer(7, 12, 16, pooled=True),
    Layer(7, 16, 24),
    Layer(7, 24, 24, dilation=2, residual=True),
    Layer(7, 24, 24, dilation=4, residual=True),
    Layer(7, 24, 24, dilation=8, residual=True),
)
STEP = 4  # input samples a place of the last layer stands for


def log_odds(leads: Floats) -> Floats:
    """How likely each moment lies within 50 ms of the peak of a QRS.

    Parameters
    ----------
    leads
        From :func:`cardioserver.signal.grid.scaled`, shape ``(leads, samples)``.

    Returns
    -------
    array
        Natural log odds, shape ``(leads, ceil(samples / 2))``, one for each :data:`FRAME_S`.
    """
    count = leads.shape[1]
    answer = np.empty((len(leads), -(-count // 2)), dtype=np.float32)
    size = max(PIECE // max(len(leads), 1), 2 * CONTEXT) // STEP * STEP
    for start in range(0, count, size):
        stop = min(start + size, count)
        before, after = max(start - CONTEXT, 0), min(stop + CONTEXT, count)
        piece = np.zeros((len(leads), -(-(after - before) // STEP) * STEP), dtype=np.float32)
        piece[:, : after - before] = leads[:, before:after]
        first = (start - before) // 2
        wanted = -(-(stop - start) // 2)
        answer[:, start // 2 : start // 2 + wanted] = _forward(piece)[:, first : first + wanted]
    return answer


@cache
def stored_weights() -> tuple[Floats, ...]:
    """Weights and biases by turns, of each layer and of the answer."""
    with (files("cardioserver.signal") / "qrs_net.npz").open("rb") as file, np.load(file) as stored:
        return tuple(stored[f"arr_{number}"] for number in range(2 * len(LAYERS) + 2))


def _forward(leads: Floats) -> Floats:
    weights = stored_weights()
    values: Floats = leads[:, :, None]
    for number, layer in enumerate(LAYERS):
        made = windows(values, layer) @ weights[2 * number]
        made += weights[2 * number + 1]
        np.maximum(made, 0, out=made)
        made = made.reshape(len(values), -1, layer.outputs)
        if layer.residual:
            made += values
        if layer.pooled:
            made = np.maximum(made[:, ::2], made[:, 1::2])
        values = made
    answer: Floats = values.reshape(-1, values.shape[2]) @ weights[-2] + weights[-1]
    return answer.reshape(len(leads), -1)


def windows(values: Floats, layer: Layer) -> Floats:
    """What each place of *layer* sees: shape ``(leads * places, taps * inputs)``, zeros beyond the ends."""
    leads, places, channels = values.shape
    reach = layer.dilation * (layer.taps // 2)
    padded = np.zeros((leads, places + 2 * reach, channels), dtype=np.float32)
    padded[:, reach : reach + places] = values
    view = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1, axis=1)[..., :: layer.dilation]
    return np.ascontiguousarray(view.swapaxes(2, 3)).reshape(leads * places, layer.taps * channels)
