"""What profiles of style are like on known paths: pictures moved, enlarged, and faded into one another.

    ZSCAPE_DATA=... python bench/shapes.py [--data fashion-mnist] [--size 56] [--paths 30] [--network vgg19]

Needs the data set and the network in the data folder. A path is 11 pictures, 10 steps, each a window of a
canvas, brought to a third of the canvas with antialiasing; pictures smaller than it lie on black. A
translation moves the window by as many whole pixels in each step, a zoom narrows it so, and a dissolve leads
from the middle of one picture to that of another. Printed are, of each, the mean ratio of `profile_shape`
with its interval, the median, the share of curves that are horseshoes (ratio over 1, one maximum of
prominence 0.1) and waves (two or more), and the mean cross-dissolve index.
"""

import argparse

import numpy as np
import torch
from torch.nn.functional import interpolate

import zscape as zs
from zscape.estimates import bootstrap_result

STEPS = 10
PROMINENCE = 0.1


def main() -> None:
    """Print one row a kind of path."""
    parser = argparse.ArgumentParser(description="The shape of profiles of style on known paths.")
    parser.add_argument("--data", default="fashion-mnist")
    parser.add_argument("--size", type=int, default=56, help="side that pictures are brought to")
    parser.add_argument("--canvas", type=int, default=144, help="side of what windows are cut from, of 72")
    parser.add_argument("--paths", type=int, default=30, help="of each kind")
    parser.add_argument("--network", default="vgg19")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    reader = zs.model.feature_reader(options.network, layers=zs.model.style_layers(options.network))
    data = zs.data.load(options.data, size=options.size)
    rows = np.random.default_rng(0).choice(len(data), 2 * options.paths, replace=False)
    canvases = on_canvas(data.batch(torch.from_numpy(rows), "cpu")[0], options.canvas)
    one, other = canvases[: options.paths], canvases[options.paths :]
    print(f"{options.paths} paths of {data.name}, {options.network} at {', '.join(reader.layers)}")
    print("path         mean ratio (95 % interval)   median   horseshoes   waves   index")
    for name, paths in (
        ("translation", moved(one)),
        ("zoom", enlarged(one)),
        ("dissolve", faded(one, other)),
    ):
        show(name, zs.measure.style_profiles(paths, reader).losses, zs.measure.cross_dissolve(paths).of_paths)


def show(name: str, losses: np.ndarray, index: np.ndarray) -> None:
    """One row of the table."""
    shape = zs.measure.profile_shape(losses, prominence=PROMINENCE)
    ratio = shape.ratio[np.isfinite(shape.ratio)]
    mean = bootstrap_result("ratio", ratio, unit="", definition="")
    horseshoes = ((shape.ratio > 1) & (shape.maxima == 1)).mean()
    waves = (shape.maxima >= 2).mean()
    print(
        f"{name:12} {mean.value:10.2f} ({mean.low:.2f} to {mean.high:.2f}) {np.median(ratio):13.2f} "
        f"{horseshoes:11.0%} {waves:8.0%} {np.nanmean(index):8.2f}"
    )


def on_canvas(x: torch.Tensor, side: int) -> torch.Tensor:
    """Pictures in the middle of a black canvas, where they are smaller than it."""
    before = (side - x.shape[-1]) // 2
    after = side - x.shape[-1] - before
    return torch.nn.functional.pad(x, (before, after, before, after))


def moved(x: torch.Tensor) -> np.ndarray:
    """A window that goes to the right by the same whole number of pixels in each step."""
    # Half as far as a zoom, so that what lies on black stays clear of the borders of the window.
    middle, stride = (x.shape[-1] - window_of(x)) // 2, stride_of(x) // 2
    return along([cut(x, middle, middle + (step - STEPS // 2) * stride) for step in range(STEPS + 1)])


def enlarged(x: torch.Tensor) -> np.ndarray:
    """A window about the middle that is narrowed by as many pixels in each step."""
    sides = [window_of(x) + (STEPS - step) * stride_of(x) for step in range(STEPS + 1)]
    return along([cut(x, *[(x.shape[-1] - side) // 2] * 2, side=side) for side in sides])


def faded(one: torch.Tensor, other: torch.Tensor) -> np.ndarray:
    """From the middle of one picture to that of another, pixel by pixel."""
    middle = (one.shape[-1] - window_of(one)) // 2
    first, last = (cut(x, middle, middle).numpy()[:, None] for x in (one, other))
    at = np.linspace(0, 1, STEPS + 1, dtype=np.float32).reshape(1, -1, 1, 1, 1)
    return (1 - at) * first + at * last


def cut(x: torch.Tensor, top: int, left: int, *, side: int | None = None) -> torch.Tensor:
    """A window of canvases at half the size of the usual one."""
    usual = window_of(x)
    part = x[..., top : top + (side or usual), left : left + (side or usual)]
    return interpolate(part, size=(usual // 2, usual // 2), mode="bilinear", antialias=True).clamp(0, 1)


def along(steps: list[torch.Tensor]) -> np.ndarray:
    """Pictures of each step as paths."""
    return torch.stack(steps, dim=1).numpy()


def window_of(x: torch.Tensor) -> int:
    """Side of the usual window."""
    return x.shape[-1] * 2 // 3


def stride_of(x: torch.Tensor) -> int:
    """Pixels of the canvas that a step is long; one or more whole pixels of what is cut."""
    return 2 * (x.shape[-1] // 72)


if __name__ == "__main__":
    main()
