"""Style loss along paths: every picture through the network once, beside a loop over pairs.

One thread, CPU seconds, contestants interleaved, medians of rounds; only ratios within one run mean anything.

    ZSCAPE_DATA=... python bench/style.py [--paths 100] [--rounds 3] [--size 64]

Needs the paintings and VGG19 in the data folder; where its file ends before relu5_1, a second table has all
five layers of the paper with random weights, which take the same time. A path is 11 pictures that lead from
one painting to another by way of a third, made of quadratic weights. The loop over pairs is what a user
writes: of each two neighbours both go through the network, in the order of memory that weights come in, and
two Gram matrices a layer are compared. Differences are those of single losses from that loop.
"""

import argparse
import functools
import itertools
import logging
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

import zscape as zs
from zscape.folders import places
from zscape.model import FeatureReader
from zscape.model.architectures import features_of
from zscape.model.features import prepared

Losses = Callable[[np.ndarray], np.ndarray]  # paths (P, 11, 3, H, W) to losses (P, 10)


def main() -> None:
    """Time every contestant once a round, and print medians, ratios and differences."""
    parser = argparse.ArgumentParser(description="Style loss along paths beside a loop over pairs.")
    parser.add_argument("--paths", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--size", type=int, default=64, help="height and width of the pictures")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    paths = paths_between(options.paths, options.size)
    # Random weights are asked for here, and the table says so.
    logging.getLogger("zscape").setLevel(logging.ERROR)
    trained, every = (zs.model.style_layers("vgg19", weights=weights) for weights in (None, "random"))
    compare(paths, contestants(trained, None), options.rounds, f"{', '.join(trained)}, trained")
    if trained != every:
        compare(paths, contestants(every, "random"), options.rounds, f"{', '.join(every)}, random weights")


def compare(paths: np.ndarray, entrants: dict[str, Losses], rounds: int, layers: str) -> None:
    """Time contestants in turn and print their table."""
    seconds: dict[str, list[float]] = {name: [] for name in entrants}
    found: dict[str, np.ndarray] = {}
    for losses in entrants.values():
        losses(paths[:1])
    for _ in range(rounds):
        for name, losses in entrants.items():
            start = time.process_time()
            found[name] = losses(paths)
            seconds[name].append((time.process_time() - start) / len(paths))
    loop = next(iter(entrants))
    print(f"{layers}; {len(paths)} paths of 11 pictures of {paths.shape[3]} pixels a side, {rounds} rounds")
    print("| contestant | seconds a path | times as fast | median difference | largest |")
    print("|---|---|---|---|---|")
    for name, each in seconds.items():
        middle = statistics.median(each)
        ratio = statistics.median(seconds[loop]) / middle
        error = np.abs(found[name] / found[loop] - 1)
        print(
            f"| {name} | {middle:.3f} ({min(each):.3f} to {max(each):.3f}) | {ratio:.1f} "
            f"| {np.median(error):.1e} | {error.max():.1e} |"
        )


def contestants(layers: tuple[str, ...], weights: str | None) -> dict[str, Losses]:
    """The loop over pairs, and ours in both types of numbers."""
    make = functools.partial(zs.model.feature_reader, "vgg19", weights=weights, layers=layers)
    plain = make()
    plain.network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload] (it is one)
    entrants: dict[str, Losses] = {"loop over pairs": lambda paths: pairwise(paths, plain)}
    for name, bf16 in (("style_profiles", False), ("style_profiles, bf16", True)):
        reader = make(bf16=bf16)
        entrants[name] = lambda paths, reader=reader: zs.measure.style_profiles(paths, reader).losses
    return entrants


@torch.no_grad()
def pairwise(paths: np.ndarray, reader: FeatureReader) -> np.ndarray:
    """Two passes a pair, one picture at a time."""
    pictures = torch.from_numpy(paths)
    return np.array(
        [[loss(a[None], b[None], reader) for a, b in itertools.pairwise(path)] for path in pictures]
    )


def loss(a: Tensor, b: Tensor, reader: FeatureReader) -> float:
    """The formula of Gatys et al., equal weights of sum 1."""
    total = 0.0
    for one, other in zip(grams(a, reader), grams(b, reader), strict=True):
        total += float((one - other).square().mean()) / 4 / len(reader.layers)
    return total


def grams(x: Tensor, reader: FeatureReader) -> list[Tensor]:
    """Gram matrices over the number of positions, layer by layer."""
    at, found = prepared(x, preprocessing=reader.preprocessing), []
    for name, layer in zip(zs.model.layer_names(reader.network), features_of(reader.network), strict=True):
        at = layer(at)
        if name in reader.layers:
            rows = at.flatten(2)[0]
            found.append(rows @ rows.T / rows.shape[1])
    return found


def paths_between(count: int, size: int) -> np.ndarray:
    """Paths (count, 11, 3, size, size) from a painting over another to a third."""
    folder = next(place for place in places() if (place / "paintings").is_dir()) / "paintings" / "train"
    files = sorted(folder.glob("*/*.jpg"))
    chosen = np.random.default_rng(0).choice(len(files), (count, 3))
    ends = np.stack([[painting(files[index], size) for index in row] for row in chosen])
    at = np.linspace(0, 1, 11)
    weights = np.stack([(1 - at) ** 2, 2 * at * (1 - at), at**2])
    return np.einsum("kt,pkchw->ptchw", weights.astype(np.float32), ends)


def painting(path: Path, size: int) -> np.ndarray:
    """A picture (3, size, size) in [0, 1]."""
    with Image.open(path) as image:
        return (
            np.asarray(image.convert("RGB").resize((size, size)), dtype=np.float32).transpose(2, 0, 1) / 255
        )


if __name__ == "__main__":
    main()
