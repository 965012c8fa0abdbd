"""MIG and AAM of all rows of a full factor grid beside a loop of scikit-learn over pairs.

    python bench/disentanglement.py [--rows 737280] [--rounds 3] [--only histograms]

737,280 codes of 10 latents in float32 with the five factors of dSprites: a grid in order, and the same rows
shuffled, one in ten left out, so that no grid is left. Every turn runs in a process of its own, held to one
thread and one core; CPU seconds, medians of interleaved rounds, and memory beyond what was held before. The
loop of scikit-learn gets ready-made bins; its values must agree with ours to 1e-5. The estimator of draws
is timed on 2,000 rows and 2,000 draws, where the densities must agree with it.
"""

import argparse
import ctypes
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "MKL", "OPENBLAS")}
SIZES = {"shape": 3, "scale": 6, "orientation": 40, "x": 32, "y": 32}
LATENTS, BINS = 10, 20
TURNS = (
    ("scikit-learn, a loop over pairs", "grid"),
    ("histograms, MIG and AAM", "grid"),
    ("aggregate posterior, MIG and AAM", "grid"),
    ("scikit-learn, a loop over pairs", "arbitrary"),
    ("histograms, MIG and AAM", "arbitrary"),
    ("aggregate posterior, MIG and AAM", "arbitrary"),
    ("every score, those that learn too", "arbitrary"),
)


def main() -> None:
    """Run every turn in rounds, interleaved, check that they agree, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=737_280)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="turns whose name holds this")
    parser.add_argument("--turn", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.turn:
        print(json.dumps(measured(*options.turn, options.rows)))
        return
    turns = [turn for turn in TURNS if options.only in turn[0]]
    seen: dict[tuple[str, str], list[dict]] = {turn: [] for turn in turns}
    for _ in range(options.rounds):
        for turn in turns:
            seen[turn].append(in_a_process(*turn, options.rows))
    for kind in ("grid", "arbitrary"):
        print_table(kind, {name: rounds for (name, of), rounds in seen.items() if of == kind})
    if not options.only:
        check_draws()


def print_table(kind: str, seen: dict[str, list[dict]]) -> None:
    """Medians of one kind of rows, each beside scikit-learn in the same round."""
    print(f"| {kind} factors | rows | CPU s | scikit-learn takes | peak memory (MB) | MIG | AAM |")
    print("|---|---|---|---|---|---|---|")
    loop, ours = (seen.get(name) for name in (TURNS[0][0], TURNS[1][0]))
    for name, rounds in seen.items():
        seconds, memory = (statistics.median(each[key] for each in rounds) for key in ("seconds", "memory"))
        times = "" if loop is None else f"{statistics.median(ratios(loop, rounds)):.3g} times"
        scores = " | ".join(f"{rounds[0][key]:.6g}" for key in ("mig", "aam"))
        print(f"| {name} | {rounds[0]['rows']:,} | {seconds:.3g} | {times} | {memory:,.0f} | {scores} |")
    if loop and ours:
        off = np.abs(np.array(loop[0]["matrix"]) - ours[0]["matrix"]).max()
        print(f"\nlargest difference between scikit-learn and histograms: {off:.2g} nats\n")
        if off > 1e-5:
            sys.exit("histograms differ from scikit-learn by more than 1e-5 nats")


def ratios(others: list[dict], rounds: list[dict]) -> list[float]:
    """How many times as long the others took, round by round."""
    return [other["seconds"] / each["seconds"] for other, each in zip(others, rounds, strict=True)]


def in_a_process(name: str, kind: str, rows: int) -> dict:
    """What `measured` gives, run alone."""
    command = [sys.executable, __file__, "--rows", str(rows), "--turn", name, kind]
    done = subprocess.run(
        command, env={**os.environ, **ONE_THREAD}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{name} on {kind} factors ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout)


def measured(name: str, kind: str, count: int) -> dict:
    """CPU seconds, peak memory beyond what was held before in MB, the scores and the matrix."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    run = contestant(name)
    mean, logvar, factors = rows_of(kind, count)
    few = slice(0, 2000)
    run(mean[few], logvar[few], {key: column[few] for key, column in factors.items()})
    # Linux: gives back what is free but held, then makes the highest resident memory that of now.
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before, begun = memory("VmRSS"), time.process_time()
    matrix, mig, aam = run(mean, logvar, factors)
    seconds = time.process_time() - begun
    return {
        "seconds": seconds - binning(name, mean),
        "memory": memory("VmHWM") - before,
        "rows": len(mean),
        "mig": mig,
        "aam": aam,
        "matrix": np.asarray(matrix).tolist(),
    }


def binning(name: str, mean: np.ndarray) -> float:
    """Seconds of what scikit-learn is not charged for: its bins are given."""
    if not name.startswith("scikit-learn"):
        return 0.0
    begun = time.process_time()
    bins_of(mean)
    return time.process_time() - begun


def contestant(name: str):  # noqa: ANN201 (a function of this file alone)
    """A function of means, log variances and factors that gives (matrix, MIG, AAM)."""
    if name.startswith("scikit-learn"):
        return by_scikit_learn
    from zscape import measure

    def histograms(mean, logvar, factors):  # noqa: ANN001, ANN202 (as above)
        information = measure.histogram_information(mean, factors, corrected=False)
        return information.matrix, measure.mig(information).value, measure.aam(information).value

    def aggregate(mean, logvar, factors):  # noqa: ANN001, ANN202
        information = measure.aggregate_information((mean, logvar), factors)
        return information.matrix, measure.mig(information).value, measure.aam(information).value

    def every(mean, logvar, factors):  # noqa: ANN001, ANN202
        values = {each.name: each.value for each in measure.disentanglement((mean, logvar), factors)}
        return [list(values.values())], values["mig_hist"], values["aam_hist"]

    return {"h": histograms, "a": aggregate, "e": every}[name[0]]


def bins_of(mean: np.ndarray) -> list[np.ndarray]:
    """Equal-width bins of each latent, as numpy makes them."""
    return [
        np.digitize(column, np.histogram_bin_edges(column, BINS)[1:-1]) for column in mean.astype(float).T
    ]


def by_scikit_learn(
    mean: np.ndarray, logvar: np.ndarray, factors: dict[str, np.ndarray]
) -> tuple[np.ndarray, float, float]:
    """Plug-in information, pair by pair, and the two scores by their formulas."""
    from sklearn.metrics import mutual_info_score

    columns = factors.values()
    matrix = np.array([[mutual_info_score(column, bins) for column in columns] for bins in bins_of(mean)])
    entropies = np.array([mutual_info_score(column, column) for column in columns])
    ordered = np.sort(matrix, axis=0)[::-1]
    mig = ((ordered[0] - ordered[1]) / entropies).mean()
    aam = (np.maximum(ordered[0] - ordered[1:].sum(axis=0), 0) / ordered[0]).mean()
    return matrix, float(mig), float(aam)


def rows_of(kind: str, count: int) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Codes as a VAE gives them: seven latents that mix factors, three that are the prior."""
    total = int(np.prod(list(SIZES.values())))
    random = np.random.default_rng(0)
    numbers = np.arange(total) if kind == "grid" else random.permutation(total)[: int(0.9 * total)]
    numbers = numbers[:count]
    columns = np.stack(np.unravel_index(numbers, tuple(SIZES.values())), axis=1)
    places = columns / np.array(list(SIZES.values())) - 0.5
    active = 7
    weights = 3 * random.standard_normal((len(SIZES), active)) * random.integers(0, 2, (len(SIZES), active))
    mean = np.zeros((len(numbers), LATENTS))
    mean[:, :active] = places @ weights + 0.1 * random.standard_normal((len(numbers), active))
    mean[:, active:] = 0.02 * random.standard_normal((len(numbers), LATENTS - active))
    logvar = np.full_like(mean, -0.01)
    logvar[:, :active] = (
        np.log(0.1**2) + np.sin(mean[:, :active]) + 0.3 * random.random((len(numbers), active))
    )
    factors = {name: np.ascontiguousarray(column) for name, column in zip(SIZES, columns.T, strict=True)}
    return mean.astype(np.float32), logvar.astype(np.float32), factors


def check_draws() -> None:
    """The densities of the aggregate posterior against draws from it, on a few rows."""
    from zscape import measure

    mean, logvar, factors = rows_of("arbitrary", 2000)
    begun = time.process_time()
    drawn = measure.sampled_information((mean, logvar), factors, draws=2000)
    between = time.process_time()
    summed = measure.aggregate_information((mean, logvar), factors, corrected=False)
    ended = time.process_time()
    error = drawn.influence.std(axis=0) / np.sqrt(drawn.n)
    off = np.abs(drawn.matrix - summed.matrix)
    print(
        f"2,000 rows: {between - begun:.3g} s by 2,000 draws, {ended - between:.3g} s by densities; largest "
        f"difference {off.max():.2g} nats, {(off / np.maximum(error, 1e-6)).max():.2g} standard errors"
    )
    if (off > 5 * error + 0.005).any():
        sys.exit("the densities differ from the draws by more than five standard errors")


def memory(kind: str) -> float:
    """Resident memory of this process in MB: VmRSS of now, VmHWM the highest."""
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(kind)) / 1e3


if __name__ == "__main__":
    main()
