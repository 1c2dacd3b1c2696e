"""Train the network that sees QRS complexes (``cardioserver/signal/qrs_net.npz``).

    python benchmarks/train_qrs.py [--half 0|1] [--start FILE] [--steps N N] [--out FILE]

Learns from MIT-BIH, QTDB and LUDB; marks the beats of PTB-XL's twelve leads with what it has learned, and
learns once more with these. With ``--half`` it learns from every second record only, and what it writes can
be measured on the others: ``python benchmarks/accuracy_beats.py --weights FILE --half 0``. Takes about 15
minutes of one core. The weights in use went on from such ones (``--start``, 3000 steps) when segments with AV
block were added.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from accuracy_records import half_of
from scipy.special import expit
from training_segments import SHARES, Record, Segments, annotated_records, ptbxl_records

from cardioserver.signal import qrs_net
from cardioserver.signal.beats import find_beats
from cardioserver.signal.qrs_net import FRAMES_PER_STEP, LAYERS, Layer, windows

ROOT = Path(__file__).resolve().parent.parent
SEED = 2026
BATCH = 24
STEPS = (4000, 10000)  # without and with PTB-XL
RATE = 3e-3  # of learning, warmed up and then lowered along a cosine
WARM_UP = 200
GO_ON_RATE = 1e-3
DECAY = 1e-3
BETAS = (0.9, 0.999)  # of Adam (D. Kingma, J. Ba, ICLR 2015)
AVERAGED = 500  # steps over which the weights are averaged

Weights = list[np.ndarray]


def main() -> None:
    """Train and write the weights."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "ecg")
    parser.add_argument("--half", type=int, choices=[0, 1], default=None)
    parser.add_argument("--out", type=Path, default=ROOT / "cardioserver" / "signal" / "qrs_net.npz")
    parser.add_argument("--steps", type=int, nargs=2, default=STEPS, help="without and with PTB-XL")
    parser.add_argument("--start", type=Path, help="weights to go on from, instead of the first round")
    options = parser.parse_args()
    random = np.random.default_rng(SEED)
    records = chosen(list(annotated_records(options.data)), options.half, options.data)
    if options.start:
        with np.load(options.start) as stored:
            weights = list(stored.values())
    else:
        first = _first_weights(random)
        weights = trained(first, RATE, Segments(options.data, records, random), options.steps[0])
    qrs_net.stored_weights = lambda: tuple(weights)
    marked = list(ptbxl_records(options.data, lambda signal, rate: find_beats(signal, rate).samples))
    records += chosen(marked, options.half, options.data)
    segments = Segments(options.data, records, random)
    start, rate = (weights, GO_ON_RATE) if options.start else (_first_weights(random), RATE)
    np.savez(options.out, *trained(start, rate, segments, options.steps[1]))


def chosen(records: list[Record], half: int | None, data: Path) -> list[Record]:
    """All records, or half of them."""
    if half is None:
        return records
    kept = []
    for source in SHARES:
        same = [record for record in records if record.source == source]
        kept += [one for number, one in enumerate(same) if half_of(one.name, number, data) == half]
    return kept


def trained(start: Weights, highest: float, segments: Segments, steps: int) -> Weights:
    """Weights after *steps* batches at a learning rate up to *highest*, averaged over the last ones."""
    weights = list(start)
    first, second = ([np.zeros_like(part) for part in weights] for _ in range(2))
    average = [part.copy() for part in weights]
    losses = []
    for step in range(1, steps + 1):
        inputs, answers, known = segments.batch(BATCH)
        odds, seen = _forward(weights, inputs)
        losses.append(((np.logaddexp(0, odds) - answers * odds) * known).sum() / known.sum())
        wrong = (expit(odds) - answers) * known / known.sum()
        slopes = _backward(weights, seen, wrong.astype(np.float32))
        clipped = max(np.sqrt(sum(float((slope**2).sum()) for slope in slopes)), 1.0)
        rate = highest * min(1, step / WARM_UP) * (0.5 * (1 + np.cos(np.pi * step / steps)) + 0.01)
        kept = min(1 - 1 / AVERAGED, step / (step + 10))
        for number, slope in enumerate(slopes):
            first[number] = BETAS[0] * first[number] + (1 - BETAS[0]) * slope / clipped
            second[number] = BETAS[1] * second[number] + (1 - BETAS[1]) * (slope / clipped) ** 2
            move = first[number] / (1 - BETAS[0] ** step)
            move /= np.sqrt(second[number] / (1 - BETAS[1] ** step)) + 1e-8
            if weights[number].ndim > 1:
                move += DECAY * weights[number]
            weights[number] = weights[number] - np.float32(rate) * move.astype(np.float32)
            average[number] = kept * average[number] + (1 - kept) * weights[number]
        if step % 500 == 0:
            print(f"step {step} of {steps}: loss {np.mean(losses[-500:]):.5f}", flush=True)
    return [part.astype(np.float32) for part in average]


def _first_weights(random: np.random.Generator) -> Weights:
    weights = []
    for layer in LAYERS:
        inputs = layer.taps * layer.inputs
        scale = np.sqrt(2 / inputs) * (0.5 if layer.residual else 1.0)
        weights += [random.normal(size=(inputs, layer.outputs)) * scale, np.zeros(layer.outputs)]
    weights += [
        random.normal(size=(LAYERS[-1].outputs, FRAMES_PER_STEP)) * 0.1,
        np.full(FRAMES_PER_STEP, -2.0),
    ]
    return [part.astype(np.float32) for part in weights]


def _forward(weights: Weights, leads: np.ndarray) -> tuple[np.ndarray, list[tuple[np.ndarray, ...]]]:
    """Log odds, and what the way back needs of each layer."""
    values, seen = leads[:, :, None], []
    for number, layer in enumerate(LAYERS):
        looked_at = windows(values, layer)
        made = np.maximum(looked_at @ weights[2 * number] + weights[2 * number + 1], 0)
        made = made.reshape(len(values), -1, layer.outputs)
        out = made + values if layer.residual else made
        largest = np.zeros(0)
        if layer.pooled:
            pooled = out.reshape(len(out), -1, 2, layer.outputs)
            out = pooled.max(axis=2)
            largest = pooled == out[:, :, None]
        seen.append((looked_at, made > 0, largest))
        values = out
    seen.append((values,))
    odds = values.reshape(-1, values.shape[2]) @ weights[-2] + weights[-1]
    return odds.reshape(len(leads), -1), seen


def _backward(weights: Weights, seen: list[tuple[np.ndarray, ...]], wrong: np.ndarray) -> Weights:
    """The slope of the loss along each weight."""
    last = seen[-1][0]
    answer = wrong.reshape(-1, FRAMES_PER_STEP)
    slopes = [answer.sum(axis=0), last.reshape(-1, last.shape[2]).T @ answer]
    slope = (answer @ weights[-2].T).reshape(last.shape)
    for number in reversed(range(len(LAYERS))):
        layer, (looked_at, positive, largest) = LAYERS[number], seen[number]
        if layer.pooled:
            slope = (slope[:, :, None] * largest).reshape(positive.shape)
        made = (slope * positive).reshape(-1, layer.outputs)
        slopes += [made.sum(axis=0), looked_at.T @ made]
        if number:
            back = _spread(made @ weights[2 * number].T, layer, positive.shape[:2])
            slope = back + slope if layer.residual else back
    return slopes[::-1]


def _spread(slope: np.ndarray, layer: Layer, shape: tuple[int, int]) -> np.ndarray:
    """What :func:`windows` gathered, laid back where it came from."""
    leads, places = shape
    reach = layer.dilation * (layer.taps // 2)
    taps = slope.reshape(leads, places, layer.taps, layer.inputs)
    back = np.zeros((leads, places + 2 * reach, layer.inputs), dtype=np.float32)
    for tap in range(layer.taps):
        back[:, tap * layer.dilation : tap * layer.dilation + places] += taps[:, :, tap]
    return back[:, reach : reach + places]


if __name__ == "__main__":
    main()
