"""Every measure of structure on many wide codes: CPU seconds, and peak memory beyond the codes.

    ZSCAPE_DATA=... python bench/structure.py [--rows 37464] [--latents 4096] [--only NAME ...]

One thread, each measure in a process of its own that shares the codes: those of bench/pairs.py, with the
folders of the paintings as labels. Maps that compare all pairs are left out, as they are for fewer codes.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

# Before numpy and torch are loaded, as their threads are counted then.
os.environ.update({f"{name}_NUM_THREADS": "1" for name in ("OMP", "MKL", "OPENBLAS")})

import numpy as np
import torch
from pairs import codes, memory

from zscape import measure

MEASURES: dict[str, Callable[[np.ndarray, np.ndarray], object]] = {
    "closest and furthest pair": lambda z, _: measure.extreme_pairs(z),
    "class_distances": lambda z, label: measure.class_distances(z, labels=label),
    "centroid_offsets": lambda z, label: measure.centroid_offsets(z, labels=label),
    "pca_map": lambda z, _: measure.pca_map(z),
    "class_spectra, 2 permutations": lambda z, label: measure.class_spectra(z, labels=label, permutations=2),
    "component_angles": lambda z, label: measure.component_angles(z, labels=label),
    "cluster, minibatch": lambda z, _: measure.cluster(z, 4, method="minibatch"),
    "cluster, kmeans": lambda z, _: measure.cluster(z, 4, method="kmeans"),
    "cluster, spectral": lambda z, _: measure.cluster(z, 4, method="spectral"),
    "cluster, mixture": lambda z, _: measure.cluster(z, 4, method="mixture"),
    "silhouette": lambda z, label: measure.silhouette(z, label),
    "nearest_neighbours": lambda z, _: measure.nearest_neighbours(z, 5),
    "linear_probe": lambda z, label: measure.linear_probe(z, labels=label),
    "neighbour_accuracy": lambda z, label: measure.neighbour_accuracy(z, labels=label),
    "two_neighbour_dimension": lambda z, _: measure.two_neighbour_dimension(z),
    "likelihood_dimension": lambda z, _: measure.likelihood_dimension(z),
    "trustworthiness": lambda z, _: measure.trustworthiness(z, z[:, :2]),
}


def main() -> None:
    """Print a table, a line as soon as it is known."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=37_464)
    parser.add_argument("--latents", type=int, default=4096)
    parser.add_argument("--only", nargs="+", choices=MEASURES, default=list(MEASURES))
    options = parser.parse_args()
    torch.set_num_threads(1)
    paths = sorted(Path(os.environ["ZSCAPE_DATA"], "paintings").rglob("*.jpg"))
    folders = np.unique([path.parent.name for path in paths], return_inverse=True)[1]
    z = codes(options.rows, options.latents, random=False)
    label = folders[np.arange(len(z)) % len(folders)].astype(np.int64)
    print(f"| {len(z):,} codes of {z.shape[1]:,} latents, {z.nbytes / 1e6:,.0f} MB | CPU s | MB beyond |")
    print("|---|---|---|", flush=True)
    for name in options.only:
        child = os.fork()
        if not child:
            os._exit(alone(name, z, label))
        if os.waitpid(child, 0)[1]:
            sys.exit(f"{name} failed")


def alone(name: str, z: np.ndarray, label: np.ndarray) -> int:
    """One measure, its CPU seconds and its peak memory beyond the codes."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before, start = memory("VmRSS"), time.process_time()
    MEASURES[name](z, label)
    print(f"| {name} | {time.process_time() - start:,.3g} | {memory('VmHWM') - before:,.0f} |", flush=True)
    return 0


if __name__ == "__main__":
    main()
