"""Quantization: time to a good set beside the published algorithm, growth of cost, other ways to draw one.

    python bench/quantize.py [race growth table] [--seeds 5] [--quick]

One thread, CPU seconds. `race`: contestants interleaved, seed by seed, to within a share of the least known
distance to N(0, I); the distance is checked exactly along the way, and that time is not counted. `growth`:
time and peak memory of one call each in a process of its own, and docs/_static/quantize-growth.png. `table`:
every baseline on the same work. All of it takes some ten minutes, `--quick` one.
"""

import argparse
import contextlib
import resource
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator
from threadpoolctl import threadpool_limits

from zscape.energy import Cloud, distance, spread
from zscape.report import style
from zscape.sample import StandardNormal, adam, quantize, representatives
from zscape.sample._targets import NormalField
from zscape.studies.baselines import BASELINES

PARTS = ("race", "growth", "table")
PICTURE = Path(__file__).parents[1] / "docs" / "_static" / "quantize-growth.png"
# Least known squared distance to N(0, I), by (count, latents), and how near the race ends.
LEAST = {(10, 2): 0.015257466, (100, 2): 0.00053145, (100, 20): 0.0093627, (1000, 20): 0.00075397}
RACES = {(10, 2): 0.01, (100, 20): 0.10, (1000, 20): 0.50}
EXACT, PAPER, DECAY = (
    "quantize",
    "Adam as published (1e-3, batch 1,000)",
    "Adam, 0.1 with cosine decay, 500 steps",
)
SHORT = {"steps": 500, "learning_rate": 0.1, "decay": True}
# What one call of quantize is grown along: (axis, values, count, latents, codes or 0 for N(0, I)).
GROWTH = (
    ("count", (10, 100, 1000, 10_000), None, 20, 0),
    ("count", (10, 100, 1000), None, 20, 60_000),
    ("latents", (2, 8, 32, 128, 512), 100, None, 0),
    ("latents", (2, 8, 32, 128, 512), 100, None, 60_000),
    ("codes", (1000, 10_000, 100_000, 1_000_000), 100, 20, None),
)
LABELS = {
    "count": "points, in 20 latents",
    "latents": "latents, of 100 points",
    "codes": "codes, for 100 points in 20 latents",
}


def main() -> None:
    """Run the parts that were asked for and print their tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; all if none is given")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="one seed, and nothing that takes long")
    parser.add_argument("--call", nargs=3, type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"no part is called {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    with threadpool_limits(1):
        if options.call:
            grow_one(*options.call)
            return
        seeds = range(1 if options.quick else options.seeds)
        for part in options.parts or PARTS:
            if part == "growth":
                growth(options.quick)
            else:
                {"race": race, "table": table}[part](seeds, options.quick)


def race(seeds: range, quick: bool) -> None:
    """CPU seconds until the points are within a share of the least known distance."""
    quantize(StandardNormal(2), 2)  # what is loaded once
    print("| points, latents, within | contestant | CPU s (median, least to most) | ratio (least to most) |")
    print("|---|---|---|---|")
    for (count, latents), share in list(RACES.items())[: 2 if quick else None]:
        target, goal = StandardNormal(latents), (1 + share) * LEAST[count, latents]
        entrants = {
            EXACT: (partial(quantize, target, count), 1),
            PAPER: (partial(adam, target, count, steps=40_000), 50),
            DECAY: (partial(adam, target, count, **SHORT), 5),
        }
        seconds: dict[str, list[float]] = {name: [] for name in entrants}
        for seed in seeds:
            for name, (run, every) in entrants.items():
                seconds[name].append(time_to(goal, partial(run, seed=seed), latents, every))
        for name, values in seconds.items():
            ratios = [mine / ours for mine, ours in zip(values, seconds[EXACT], strict=True)]
            print(f"| {count:,}, {latents}, {share:.0%} | {name} | {spanned(values)} | {spanned(ratios)} |")
        whole = [timed(partial(quantize, target, count, seed=seed)) for seed in seeds]
        ends = [found.distance / LEAST[count, latents] - 1 for _, found in whole]
        print(
            f"| {count:,}, {latents} | the whole call of quantize, which ends {min(ends):.2%} to "
            f"{max(ends):.2%} above | {spanned([each for each, _ in whole])} | |",
            flush=True,
        )


class Arrived(BaseException):
    """The goal is reached; a BaseException, so that nothing on the way takes it for an error."""


def time_to(goal: float, run: Callable[[], object], latents: int, every: int) -> float:
    """CPU seconds until the points of a run are at `goal`, infinite if they never are.

    Both methods ask for the potential of the target at their points once a step: that is where they are seen.

    Args:
        goal: Squared distance to N(0, I) to reach.
        run: Quantizes.
        latents: D.
        every: Steps from one check to the next.
    """
    steps, checking, begun = 0, 0.0, time.process_time()

    def look(points: np.ndarray) -> None:
        nonlocal steps, checking
        steps += 1
        if steps % every == 0:
            before = time.process_time()
            if distance(points, latents) <= goal:
                raise Arrived(before - begun - checking)
            checking += time.process_time() - before

    with seen(look):
        try:
            found = run()
        except Arrived as end:
            return end.args[0]
    used = time.process_time() - begun - checking
    return used if distance(found.points, latents) <= goal else float("inf")


@contextlib.contextmanager
def seen(look: Callable[[np.ndarray], None]) -> Iterator[None]:
    """Show the points at which the potential of the target is asked for."""
    methods = {kind: kind.potential_with_gradient for kind in (NormalField, Cloud)}

    def watched(kind: type) -> Callable:
        def method(self: object, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            look(points)
            return methods[kind](self, points)

        return method

    for kind in methods:
        kind.potential_with_gradient = watched(kind)
    try:
        yield
    finally:
        for kind, method in methods.items():
            kind.potential_with_gradient = method


def growth(quick: bool) -> None:
    """Time and memory of one call of quantize along count, latents and codes, as a table and a picture."""
    print("\n| points | latents | codes | CPU s | peak memory beyond codes (MB) |\n|---|---|---|---|---|")
    lines = []
    for axis, values, *fixed in GROWTH:
        shown = values[: 2 if quick else None]
        cells = [tuple(value if each is None else each for each in fixed) for value in shown]
        figures = []
        for cell in cells:
            command = [sys.executable, __file__, "--call", *map(str, cell)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            seconds, memory = map(float, done.stdout.split())
            count, latents, codes = cell
            codes = f"{codes:,}" if codes else "N(0, I)"
            print(f"| {count:,} | {latents} | {codes} | {seconds:.3g} | {memory:.0f} |", flush=True)
            figures.append((seconds, memory))
        name = "codes" if fixed[-1] is None else f"{fixed[-1]:,} codes" if fixed[-1] else "N(0, I)"
        lines.append((axis, name, shown, figures))
    if not quick:
        PICTURE.write_bytes(style.png(drawing(lines)))


def grow_one(count: int, latents: int, number: int) -> None:
    """Quantize once and print CPU seconds and MB."""
    target = clusters(number, latents) if number else StandardNormal(latents)
    quantize(StandardNormal(2), 2)
    before = peak()
    seconds, _ = timed(partial(quantize, target, count))
    print(seconds, peak() - before)


def plain(value: float) -> str:
    """A number as an axis shows it: 0.01, 10, 10k, 1M."""
    for unit, letter in ((1e6, "M"), (1e3, "k")):
        if value >= unit:
            return f"{value / unit:g}{letter}"
    return f"{value:g}"


@style.styled()
def drawing(lines: list[tuple[str, str, tuple[int, ...], list[tuple[float, float]]]]) -> Figure:
    """CPU seconds and peak memory against what grows, all axes logarithmic."""
    figure = Figure(figsize=(style.WIDTH, 4.6), layout="constrained")
    axes = figure.subplots(2, 3, sharex="col", sharey="row")
    colours = dict(
        zip(("N(0, I)", "60,000 codes", "codes"), style.palette(2) + style.palette(2)[1:], strict=True)
    )
    for axis, name, values, figures in lines:
        column = list(LABELS).index(axis)
        for row in (0, 1):
            heights = [max(each[row], 1.0 if row else 1e-3) for each in figures]
            axes[row, column].loglog(values, heights, "o-", ms=3.5, lw=1.2, color=colours[name], label=name)
        axes[1, column].set_xlabel(LABELS[axis])
    # The house style sets no mathematics, which the labels of logarithmic axes are by default.
    for column, axis in enumerate(LABELS):
        ticks = max((values for other, _, values, _ in lines if other == axis), key=len)
        axes[1, column].set_xticks(ticks, [plain(value) for value in ticks])
        axes[1, column].xaxis.set_minor_locator(NullLocator())
    for row in (0, 1):
        axes[row, 0].yaxis.set_major_formatter(lambda value, _: plain(value))
        axes[row, 0].yaxis.set_minor_locator(NullLocator())
    axes[0, 0].set_ylabel("CPU seconds")
    axes[1, 0].set_ylabel("peak memory (MB, from 1 up)")
    axes[0, 0].legend()
    return figure


def table(seeds: range, quick: bool) -> None:
    """Squared distance and CPU seconds of every way to draw a set."""
    rows = 2000 if quick else 60_000
    works = [(10, 2), (100, 2), (100, 20)]
    titles = [f"{count} of N(0, I) in D = {latents}" for count, latents in works]
    print(f"\n| way | {' | '.join(titles)} | 100 of {rows:,} codes in D = 20 |\n|---|---|---|---|---|")
    codes = clusters(rows, 20)
    cloud, constant = Cloud(codes), spread(codes)

    def to_codes(points: np.ndarray) -> float:
        return float(cloud.potential(points).mean()) - 0.5 * spread(points) - 0.5 * constant

    for name, draw in ways().items():
        cells = []
        for count, target in [(count, latents) for count, latents in works] + [(100, codes)]:
            if "rows only" in name and isinstance(target, int):
                cells.append("")
                continue
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                runs = [timed(partial(draw, target, count, seed)) for seed in seeds]
            found = [
                distance(each, target) if isinstance(target, int) else to_codes(each) for _, each in runs
            ]
            seconds = statistics.median(each for each, _ in runs)
            cells.append(f"{statistics.median(found):.4g} ({seconds:.2g} s)")
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def ways() -> dict[str, Callable[[int | np.ndarray, int, int], np.ndarray]]:
    """Every way to draw points: functions of target, count and seed."""

    def of(target: int | np.ndarray) -> StandardNormal | np.ndarray:
        return StandardNormal(target) if isinstance(target, int) else target

    baselines = {
        name: lambda target, count, seed, draw=draw: draw(target, count, seed=seed)
        for name, draw in BASELINES.items()
    }
    return {
        **baselines,
        f"A1, A2: {PAPER}, 10,000 steps": lambda target, count, seed: (
            adam(of(target), count, seed=seed).points
        ),
        f"A1, A2: {DECAY}": lambda target, count, seed: adam(of(target), count, **SHORT, seed=seed).points,
        "**quantize**": lambda target, count, seed: quantize(of(target), count, seed=seed).points,
        "**representatives** (rows only)": lambda target, count, seed: target[
            representatives(target, count, seed=seed)
        ],
    }


def clusters(rows: int, latents: int) -> np.ndarray:
    """Codes of ten classes of unequal width, as those of an encoder are."""
    random = np.random.default_rng(0)
    centres, widths = random.standard_normal((10, latents)), random.uniform(0.3, 0.8, (10, latents))
    codes = random.standard_normal((rows, latents))
    # In blocks, so that the peak of memory is not that of making the codes.
    for first in range(0, rows, 10_000):
        block = codes[first : first + 10_000]
        which = random.integers(10, size=len(block))
        block *= widths[which]
        block += centres[which]
    return codes


def timed(run: Callable[[], object]) -> tuple[float, object]:
    """CPU seconds and what came of them."""
    begun = time.process_time()
    found = run()
    return time.process_time() - begun, found


def spanned(values: list[float]) -> str:
    """Median with the least and the most."""
    return f"{statistics.median(values):.3g} ({min(values):.3g} to {max(values):.3g})"


def peak() -> float:
    """Largest resident memory of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


if __name__ == "__main__":
    main()
