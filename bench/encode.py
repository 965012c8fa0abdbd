"""Encoding a million samples: seconds, and how much memory it takes beyond the data and the model.

    python bench/encode.py [--rows 1000000] [--latent 32]

Each way runs in a process of its own, so that peaks do not mix. The data are the embedded digits, repeated.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

import zscape as zs
from zscape.codes import encode_file

WAYS = ("file", "table")


def main() -> None:
    """Run every way and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--latent", type=int, default=32)
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way:
        measure(options.way, options.rows, options.latent)
        return
    print("| way | seconds | samples/s | peak memory beyond data and model (MB) | codes (MB) |")
    print("|---|---|---|---|---|", flush=True)
    for way in WAYS:
        subprocess.run([sys.executable, __file__, *sys.argv[1:], "--way", way], check=True)


def measure(way: str, rows: int, latent: int) -> None:
    """Encode once and print a row of the table."""
    torch.set_num_threads(1)
    digits = zs.data.load("digits").images
    data = zs.data.from_arrays(digits.repeat(-(-rows // len(digits)), 1, 1, 1)[:rows].contiguous())
    model = zs.Autoencoder.mlp(data.shape, latent=latent)
    zs.encode(model, zs.data.from_arrays(digits))  # what is loaded once, whatever the number of rows
    with tempfile.TemporaryDirectory() as folder:
        before, begun = peak(), time.perf_counter()
        if way == "file":
            encode_file(model, data, Path(folder) / "codes.parquet")
        else:
            zs.encode(model, data)
        seconds = time.perf_counter() - begun
    codes = rows * latent * 2 * 4 / 1e6
    print(
        f"| {way} | {seconds:.1f} | {rows / seconds:,.0f} | {peak() - before:.0f} | {codes:.0f} |", flush=True
    )


def peak() -> float:
    """Largest resident memory of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


if __name__ == "__main__":
    main()
