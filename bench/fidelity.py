"""Sets against data beside the public packages prdc and vendi-score: seconds and peak memory.

    python bench/fidelity.py [--features 64] [--rounds 3]

Needs the extra `bench` (`pip install zscape[bench]`). Every turn runs in a process of its own, held to one
thread and one core, so that peaks do not mix. Memory is the peak beyond what the process held before the
call. The public prdc holds three matrices of all pairs, which at 50,000 samples are 30 GB in float32, and
vendi-score outside its dual one, 10 GB, and its eigenvalues: they are measured on fewer samples, and zscape
on those and on 50,000. Data are float32, in which vendi-score stays, and zscape does not; normal with
decaying scales, what is generated narrower by a tenth.
"""

import argparse
import contextlib
import ctypes
import importlib.util
import io
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "MKL", "OPENBLAS")}
# What is faster is repeated up to this and divided.
LEAST_SECONDS = 0.5
# Contestant and number of samples; the public packages where their matrices fit in 24 GB.
TURNS = (
    ("PRDC, prdc", 10_000),
    ("PRDC, zscape", 10_000),
    ("PRDC, prdc", 20_000),
    ("PRDC, zscape", 20_000),
    ("PRDC, zscape", 50_000),
    ("Vendi of the N by N matrix, vendi-score", 5_000),
    ("Vendi by the dual, vendi-score", 50_000),
    ("Vendi by the dual in float64, vendi-score", 50_000),
    ("Vendi, zscape", 50_000),
    ("Vendi, Gaussian kernel, zscape", 50_000),
    ("RKE, Gaussian kernel, zscape", 50_000),
    ("energy distance, zscape", 20_000),
    ("MMD, zscape", 20_000),
    ("nearest training distances, zscape", 50_000),
)


def main() -> None:
    """Run every turn in rounds, interleaved, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--features", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="turns whose name holds this")
    parser.add_argument("--turn", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.turn:
        print(json.dumps(measure(options.turn[0], int(options.turn[1]), options.features)))
        return
    missing = [name for name in ("prdc", "vendi_score") if importlib.util.find_spec(name) is None]
    if missing:
        sys.exit(f"bench/fidelity.py needs {' and '.join(missing)}: pip install zscape[bench]")
    turns = [turn for turn in TURNS if options.only in turn[0]]
    seen: dict[tuple[str, int], list[dict[str, float]]] = {turn: [] for turn in turns}
    for _ in range(options.rounds):
        for turn in turns:
            seen[turn].append(in_a_process(*turn, options.features))
    print(f"| {options.features} features, one core | samples a set | CPU s | peak memory (MB) | value |")
    print("|---|---|---|---|---|")
    for (name, count), rounds in seen.items():
        seconds, memory = (statistics.median(each[key] for each in rounds) for key in ("seconds", "memory"))
        print(f"| {name} | {count:,} | {seconds:.3g} | {memory:,.0f} | {rounds[0]['value']:.6g} |")


def in_a_process(name: str, count: int, features: int) -> dict[str, float]:
    """What `measure` gives, run alone."""
    command = [sys.executable, __file__, "--features", str(features), "--turn", name, str(count)]
    done = subprocess.run(
        command, env={**os.environ, **ONE_THREAD}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{name} with {count:,} samples ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout)


def measure(name: str, count: int, features: int) -> dict[str, float]:
    """CPU seconds, peak memory beyond what was held before in MB, and one of the values."""
    # joblib starts eight threads in prdc, whatever it is told.
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    run = contestants()[name]
    real, generated = samples(count, features, 0), samples(count, features, 1) * np.float32(0.9)
    with contextlib.redirect_stdout(io.StringIO()):
        run(real[:100], generated[:100])
        # Linux: gives back what is free but held, then makes the highest resident memory that of now.
        ctypes.CDLL(None).malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        before, begun = memory("VmRSS"), time.process_time()
        value, calls = run(real, generated), 1
        highest = memory("VmHWM")
        while time.process_time() - begun < LEAST_SECONDS:
            run(real, generated)
            calls += 1
        seconds = (time.process_time() - begun) / calls
    return {"seconds": seconds, "memory": highest - before, "value": value}


def contestants() -> dict[str, Callable[[np.ndarray, np.ndarray], float]]:
    """What takes part, by name; each gives one number that must agree between packages."""
    import prdc
    from vendi_score import vendi

    from zscape import measure as ours

    return {
        "PRDC, prdc": lambda x, y: float(prdc.compute_prdc(x, y, nearest_k=5)["density"]),
        "PRDC, zscape": lambda x, y: ours.prdc(x, y)[2].value,
        "Vendi of the N by N matrix, vendi-score": lambda x, y: float(vendi.score_X(y)),
        "Vendi by the dual, vendi-score": lambda x, y: float(vendi.score_dual(y)),
        "Vendi by the dual in float64, vendi-score": lambda x, y: float(
            vendi.score_dual(y.astype(np.float64))
        ),
        "Vendi, zscape": lambda x, y: ours.vendi_score(y).value,
        "Vendi, Gaussian kernel, zscape": lambda x, y: ours.vendi_score(y, kernel="gaussian").value,
        "RKE, Gaussian kernel, zscape": lambda x, y: ours.rke(y).value,
        "energy distance, zscape": lambda x, y: ours.energy_distance(x, y).value,
        "MMD, zscape": lambda x, y: ours.mmd(x, y).value,
        "nearest training distances, zscape": lambda x, y: ours.nearest_training_distance(x, y)[1].value,
    }


def samples(count: int, features: int, seed: int) -> np.ndarray:
    """Normal draws with scales from 1 to 0.1, as features of a network have."""
    draws = np.random.default_rng(seed).standard_normal((count, features), dtype=np.float32)
    return draws * np.logspace(0, -1, features, dtype=np.float32)


def memory(kind: str) -> float:
    """Resident memory of this process in MB: VmRSS of now, VmHWM the highest."""
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(kind)) / 1e3


if __name__ == "__main__":
    main()
