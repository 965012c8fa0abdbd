"""Geodesics of a decoder: against lengths that are known, and seconds each on a convolutional decoder.

    ZSCAPE_DATA=... python bench/geodesics.py [--pairs 16] [--latent 64] [--epochs 30] [--rounds 2]

One thread, CPU seconds, batch sizes interleaved round by round. The decoders whose lengths are known put
codes on a sphere, where geodesics are great circles, and on a Swiss roll, where they are straight once it is
unrolled. The other is that of an autoencoder, fitted first on views of COIL-20 at 64 x 64.
"""

import argparse
import logging
import os
import statistics
import tempfile
import time

# Before numpy and torch are loaded, as their threads are counted then.
os.environ.update({f"{name}_NUM_THREADS": "1" for name in ("OMP", "MKL", "OPENBLAS")})

import numpy as np
import torch

import zscape as zs

BATCHES = (1, 4, 16)
STEPS = (10, 20, 40)


def main() -> None:
    """Print a table of lengths beside the true ones, then one of seconds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=16)
    parser.add_argument("--latent", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--known", type=int, default=30, help="pairs on decoders whose lengths are known")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    known(options.known)
    fitted(options.pairs, options.latent, options.epochs, options.rounds)


def known(pairs: int) -> None:
    """By how much lengths differ from the true ones."""
    rng = np.random.default_rng(0)
    print(
        f"| decoder, {pairs} pairs | steps | converged | largest error of these | of all |\n"
        "|---|---|---|---|---|"
    )
    balls = rng.normal(size=(2, pairs, 3))
    sheets = np.stack([rng.uniform(2, 13, (2, pairs)), rng.uniform(0, 10, (2, pairs))], axis=2)
    for name, ends, decode, true in (
        ("sphere", balls, sphere, great_circles(*balls)),
        ("Swiss roll", sheets, roll, unrolled(*sheets)),
    ):
        for steps in STEPS:
            found = zs.walk.geodesic_paths(*ends, decode=decode, steps=steps)
            error = np.abs(found.lengths / true - 1)
            most = f"{100 * error[found.converged].max():.3f} %" if found.converged.any() else "–"
            print(f"| {name} | {steps} | {found.converged.sum()} | {most} | {100 * error.max():.3f} % |")


def fitted(pairs: int, latent: int, epochs: int, rounds: int) -> None:
    """CPU seconds of a geodesic by how many are looked for together."""
    data = zs.data.load("coil20")
    model = zs.Autoencoder.conv(data.shape, latent=latent, channels=(16, 32, 64, 64), dense=128)
    with tempfile.TemporaryDirectory() as folder:
        run = zs.fit(model, zs.recipes.autoencoder(), data, epochs=epochs, batch=32, out=f"{folder}/run")
        codes = zs.encode(run.model, data)
    rows = zs.measure.random_pairs(codes, pairs, seed=0)
    start, end = (codes.mean[rows[:, side]].astype(float) for side in (0, 1))
    seconds: dict[int, list[float]] = {batch: [] for batch in BATCHES}
    with run.model.evaluating():
        for _ in range(rounds):
            for batch in BATCHES:
                before = time.process_time()
                found = zs.walk.geodesic_paths(
                    start,
                    end,
                    decode=lambda z: run.model.decode(z).mean,
                    search=zs.walk.Search(batch=batch),
                )
                seconds[batch].append((time.process_time() - before) / pairs)
    straight = zs.walk.path_lengths(zs.walk.linear_path(start, end, steps=80), decode=run.decode)
    print(f"\n| together, D = {latent}, 10 steps, {pairs} pairs | CPU s a geodesic (range) |\n|---|---|")
    for batch, values in seconds.items():
        print(f"| {batch} | {statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f}) |")
    share = found.lengths / straight
    print(f"\n{found.converged.sum()} of {pairs} converged, {found.iterations.mean():.0f} iterations each")
    print(f"energy above its minimum, as estimated: {100 * found.excess.mean():.1f} % in the mean")
    spread = f"{share.min():.3f} to {share.max():.3f}"
    print(f"decoded length over that of the straight line: {share.mean():.3f} ({spread})")


def sphere(z: torch.Tensor) -> torch.Tensor:
    """Codes in space to a sphere of radius 2."""
    return 2 * z / z.norm(dim=1, keepdim=True)


def roll(z: torch.Tensor) -> torch.Tensor:
    """A turn and a height to a Swiss roll."""
    return torch.stack([z[:, 0] * z[:, 0].cos(), z[:, 1], z[:, 0] * z[:, 0].sin()], dim=1)


def great_circles(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Lengths on the sphere."""
    cosines = (start * end).sum(1) / (np.linalg.norm(start, axis=1) * np.linalg.norm(end, axis=1))
    return 2 * np.arccos(cosines)


def unrolled(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Lengths on the roll laid flat."""
    arcs = [0.5 * (t * np.sqrt(1 + t**2) + np.arcsinh(t)) for t in (start[:, 0], end[:, 0])]
    return np.hypot(arcs[1] - arcs[0], end[:, 1] - start[:, 1])


if __name__ == "__main__":
    main()
