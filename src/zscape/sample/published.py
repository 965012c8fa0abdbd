"""The published algorithm of measure quantization: Adam on fresh batches of the target. Kept to compare."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from zscape.base import CodesLike, Density
from zscape.energy import Cloud, checked_smoothing
from zscape.sample._inputs import checked_count
from zscape.sample._targets import target_of
from zscape.sample.prior import StandardNormal
from zscape.sample.quantization import Quantization

_TOLD_EVERY = 100


def adam(
    target: StandardNormal | CodesLike | Density,
    count: int,
    *,
    steps: int = 10_000,
    batch: int = 1000,
    learning_rate: float = 1e-3,
    decay: bool = False,
    smoothing: float = 1e-6,
    seed: int = 0,
    watch: Callable[[int, int, str], None] | None = None,
) -> Quantization:
    """Quantize by Adam on the distance to a fresh batch of the target at each step, as published.

    `quantize` reaches lower distances some hundred times faster; this is there to compare. Points start as
    independent draws. Batches are drawn from N(0, I) (algorithm A1), from codes without replacement (A2), or
    from the draws that stand for another density.

    Cost: O(count (count + batch) D) a step.

    Args:
        target: As for `quantize`.
        count: Points, J, at least 1.
        steps: Steps of Adam; the published default of 1e-3 needs about 10,000.
        batch: Draws of the target at each step; of fewer codes all are taken.
        learning_rate: Of Adam, in the units of the codes.
        decay: Whether the learning rate falls to 0 by half a cosine; with 0.1 this needs about 500 steps.
        smoothing: a of the distance, in the units of the codes.
        seed: Of start and batches.
        watch: Called with steps done, steps in all and a text, every 100 steps.

    Raises:
        ValueError: If count, steps or batch < 1, smoothing or seed < 0, learning_rate <= 0, or codes are not
            finite arrays (N, D).
        TypeError: If the target is neither codes nor a density, or count is not a whole number.

    References:
        Turinici, Diversity in deep generative models and generative AI, 2023. Differs in: points start as the
        paper says and not, as in its code, uniform on [0, 1]; a is the paper's 1e-6 and not its code's 1e-5.
    """
    count = checked_count(count, "adam")
    if steps < 1 or batch < 1:
        raise ValueError(f"adam needs steps >= 1 and batch >= 1, but got {steps} and {batch}")
    if not learning_rate > 0:
        raise ValueError(f"adam needs learning_rate > 0, but got {learning_rate}")
    goal = target_of(target, count, smoothing=checked_smoothing(smoothing), seed=seed)
    random = np.random.default_rng([seed, 0])
    points = goal.draw(count, random)
    first, second = np.zeros_like(points), np.zeros_like(points)
    for step in range(1, steps + 1):
        drawn = Cloud(goal.batch(batch, random), smoothing=smoothing)
        pull = drawn.potential_with_gradient(points)[1]
        push = Cloud(points, smoothing=smoothing).own_potential_with_gradient()[1]
        gradient = (pull - push) / count
        first += 0.1 * (gradient - first)
        second += 0.001 * (gradient**2 - second)
        rate = learning_rate * (0.5 * (1 + math.cos(math.pi * step / steps)) if decay else 1)
        points -= rate * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
        if watch is not None and (step % _TOLD_EVERY == 0 or step == steps):
            watch(step, steps, f"Adam step {step:,}")
    return Quantization(points, np.full(count, 1 / count), None, smoothing, goal)
