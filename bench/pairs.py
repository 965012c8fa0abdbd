"""Closest and furthest pair of codes, exact, beside scikit-learn: CPU seconds and peak memory.

    python bench/pairs.py [--rows 10000] [--latents 4096] [--rounds 3] [--large 37464] [--random]

One thread, CPU seconds, contestants interleaved round by round in one process. The codes are pixels of the
paintings in ZSCAPE_DATA, projected at random to the latents, in float32, with crops and mirror images where
more rows are asked for than there are paintings; `--random` takes normal draws instead, which need no data.
Rows and distances of all contestants are held against each other. `--large` then runs zscape alone on that
many rows in a process of its own and prints its peak memory beyond the codes.
"""

import argparse
import ctypes
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

# Before numpy and torch are loaded, as their threads are counted then.
os.environ.update({f"{name}_NUM_THREADS": "1" for name in ("OMP", "MKL", "OPENBLAS")})

import numpy as np
import torch
from PIL import Image
from sklearn.metrics import pairwise_distances_chunked
from sklearn.neighbors import NearestNeighbors

from zscape.measure import _extremes, closest_pairs, extreme_pairs, furthest_pairs

SIDE = 64


def main() -> None:
    """Print a table of every contestant, then the large run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--latents", type=int, default=4096)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--large", type=int, default=0, help="rows of a run of zscape alone; 0 for none")
    parser.add_argument("--random", action="store_true", help="normal draws in place of paintings")
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.alone:
        alone(codes(options.rows, options.latents, options.random))
        return
    race(codes(options.rows, options.latents, options.random), options.rounds)
    if options.large:
        kind = ["--random"] if options.random else []
        sizes = ["--rows", str(options.large), "--latents", str(options.latents)]
        subprocess.run([sys.executable, __file__, *sizes, *kind, "--alone"], check=True)


def race(z: np.ndarray, rounds: int) -> None:
    """CPU seconds of every contestant, and by how much each is slower than both pairs at once."""
    extreme_pairs(z[:100])
    seconds: dict[str, list[float]] = {name: [] for name in CONTESTANTS}
    for _ in range(rounds):
        found = {}
        for name, run in CONTESTANTS.items():
            taken, found[name] = timed(run, z)
            seconds[name].append(taken)
        check(z, found)
    for name in ("closest", "furthest"):
        distance = np.linalg.norm(np.diff(z[found[name]].astype(float), axis=0))
        print(f"{name}: rows {found[name].tolist()}, distance {distance:.6g}")
    ours = seconds["closest and furthest, zscape"]
    peers = [a + b for a, b in zip(seconds[PEERS[0]], seconds[PEERS[1]], strict=True)]
    size = f"{len(z):,} codes of {z.shape[1]:,} latents, one thread"
    print(f"\n| {size} | CPU s (median) | ratio (median, range) |")
    print("|---|---|---|")
    for name, values in {**seconds, "closest plus furthest, scikit-learn": peers}.items():
        ratios = [value / mine for value, mine in zip(values, ours, strict=True)]
        spread = f"{statistics.median(ratios):.3g} ({min(ratios):.3g} to {max(ratios):.3g})"
        print(f"| {name} | {statistics.median(values):.3g} | {spread} |")


def closest_peer(z: np.ndarray) -> np.ndarray:
    """Closest pair by the neighbours of scikit-learn."""
    distances, nearest = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(z).kneighbors()
    i = int(distances[:, 0].argmin())
    return np.sort([i, int(nearest[i, 0])])


def furthest_peer(z: np.ndarray) -> np.ndarray:
    """Furthest pair by the chunks of scikit-learn."""
    return chunks_peer(z)[2:]


def chunks_peer(z: np.ndarray) -> np.ndarray:
    """Both pairs by one pass over the chunks of scikit-learn."""
    start, best = 0, [(np.inf, 0, 0), (-np.inf, 0, 0)]
    for block in pairwise_distances_chunked(z):
        i, j = np.unravel_index(block.argmax(), block.shape)
        best[1] = max(best[1], (float(block[i, j]), start + int(i), int(j)))
        rows = np.arange(len(block))
        block[rows, start + rows] = np.inf
        i, j = np.unravel_index(block.argmin(), block.shape)
        best[0] = min(best[0], (float(block[i, j]), start + int(i), int(j)))
        start += len(block)
    return np.concatenate([np.sort(each[1:]) for each in best])


def in_float32(z: np.ndarray) -> np.ndarray:
    """Both pairs without bfloat16."""
    before = _extremes._bfloat16_pays
    _extremes._bfloat16_pays = lambda: False
    try:
        return both(z)
    finally:
        _extremes._bfloat16_pays = before


def both(z: np.ndarray) -> np.ndarray:
    """Both pairs in one pass."""
    closest, furthest = extreme_pairs(z)
    return np.concatenate([closest.rows[0], furthest.rows[0]])


PEERS = ("closest, scikit-learn's neighbours", "furthest, scikit-learn's chunks")
CONTESTANTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "closest and furthest, zscape": both,
    "the same in float32": in_float32,
    "closest": lambda z: closest_pairs(z).rows[0],
    "furthest": lambda z: furthest_pairs(z).rows[0],
    PEERS[0]: closest_peer,
    PEERS[1]: furthest_peer,
    "closest and furthest, one pass over scikit-learn's chunks": chunks_peer,
}


def check(z: np.ndarray, found: dict[str, np.ndarray]) -> None:
    """End where the contestants' pairs are not at one distance, to the rounding of scikit-learn."""

    def apart(rows: np.ndarray) -> float:
        return float(np.linalg.norm(np.diff(z[rows].astype(float), axis=0)))

    closest, furthest = (apart(found[name]) for name in ("closest", "furthest"))
    for name in ("closest and furthest, zscape", "the same in float32"):
        pair = found[name]
        if [apart(pair[:2]), apart(pair[2:])] != [closest, furthest]:
            sys.exit(f"{name} found other pairs: {pair.tolist()}")
    for name, ours in zip(PEERS, (closest, furthest), strict=True):
        theirs = apart(found[name])
        better = theirs < ours if name == PEERS[0] else theirs > ours
        if better or abs(theirs - ours) > 1e-4 * furthest:
            sys.exit(f"{name} found a pair at {theirs}, where ours is at {ours}")


def alone(z: np.ndarray) -> None:
    """CPU seconds and peak memory beyond the codes of one call."""
    extreme_pairs(z[:100])
    # Linux: gives back what is free but held, then makes the highest resident memory that of now.
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before = memory("VmRSS")
    seconds, _ = timed(both, z)
    more = memory("VmHWM") - before
    print(f"\n{len(z):,} codes of {z.shape[1]:,}: {seconds:.3g} CPU s, {more:,.0f} MB beyond the codes")


def codes(rows: int, latents: int, random: bool) -> np.ndarray:
    """Float32 codes: normal draws, or random projections of paintings."""
    rng = np.random.default_rng(0)
    if random:
        return rng.standard_normal((rows, latents), dtype=np.float32)
    folder = os.environ.get("ZSCAPE_DATA")
    paths = sorted(Path(folder or "", "paintings").rglob("*.jpg")) if folder else []
    if not paths:
        sys.exit("bench/pairs.py needs paintings in the folder that ZSCAPE_DATA names; or take --random")
    projection = rng.standard_normal((3 * SIDE * SIDE, latents), dtype=np.float32) / SIDE
    z = np.empty((rows, latents), dtype=np.float32)
    for start in range(0, rows, 500):
        some = range(start, min(start + 500, rows))
        pixels = np.stack([picture(paths[row % len(paths)], row // len(paths), rng) for row in some])
        z[start : some.stop] = pixels @ projection
    return z


def picture(path: Path, turn: int, rng: np.random.Generator) -> np.ndarray:
    """A painting as numbers from 0 to 1: whole the first time, then crops, every other one mirrored."""
    with Image.open(path) as image:
        if turn:
            side = int(rng.integers(80, 120))
            left, top = rng.integers(0, np.array(image.size) - side + 1).tolist()
            image = image.crop((left, top, left + side, top + side))
        pixels = np.asarray(image.convert("RGB").resize((SIDE, SIDE)), dtype=np.float32) / 255
    return (pixels[:, ::-1] if turn % 2 else pixels).ravel()


def timed(run: Callable[[np.ndarray], np.ndarray], z: np.ndarray) -> tuple[float, np.ndarray]:
    """CPU seconds of a call, and what came of it."""
    begun = time.process_time()
    found = run(z)
    return time.process_time() - begun, found


def memory(kind: str) -> float:
    """Resident memory of this process in MB: VmRSS of now, VmHWM the highest."""
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(kind)) / 1e3


if __name__ == "__main__":
    main()
