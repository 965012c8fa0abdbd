"""Paths of any model as files: filmstrips, an animation and curves of pictures that the caller decoded."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from zscape import walk
from zscape.files import whole_file
from zscape.measure import cross_dissolve, style_profiles
from zscape.model import FeatureReader
from zscape.report import moving, pictures, style
from zscape.report.path_curves import path_curves
from zscape.report.path_words import pair_name
from zscape.report.paths import ROWS, shown_points
from zscape.report.style import label


def write_path_pictures(
    paths: Mapping[str, Float[np.ndarray, "P T C H W"]],
    folder: str | os.PathLike[str],
    *,
    ends: Int[np.ndarray, "P 2"],
    choice: str = "given",
    reader: FeatureReader | None = None,
) -> dict[str, Path]:
    """Write pictures along paths as `zscape walk` shows them, of any model: no run is needed.

    The folder gets paths.png and .svg, a row a path, of up to 12; paths.gif, the same there and back; and
    path-curves.png and .svg, of all paths: how far each picture is from the one before (Euclidean), how far
    from a mixture of the ends of its path (`cross_dissolve`, from 3 points on), and with a reader the style
    loss of each step.

    Cost: that of the pictures; with a reader that of `style_profiles`.

    Args:
        paths: Grey or RGB pictures in [0, 1], two or more points a path, by the kind of path, such as
            "linear"; of all kinds between the same pairs. What is outside the range is clipped.
        folder: Where to; files of these names there are replaced.
        ends: Rows of the caller's codes that each pair goes from and to, which name it.
        choice: How pairs were chosen. Means over "random" ones have their 95 % interval drawn.
        reader: The network for style losses; None for none.

    Returns:
        The paths of the PNGs and of the GIF.

    Raises:
        ValueError: If there are no paths, pictures are of several shapes or not finite, or ends are not two a
            pair.
    """
    shapes = {images.shape for images in paths.values()}
    shape = next(iter(shapes), ())
    if len(shapes) != 1 or len(shape) != 5 or not shape[0] or shape[1] < 2:
        raise ValueError(
            "write_path_pictures needs pictures (P, T, C, H, W) of one shape of all kinds, with one path or "
            f"more and T >= 2, but got {sorted(shapes)}; give one path as path[None]"
        )
    if ends.shape != (shape[0], 2):
        raise ValueError(f"write_path_pictures needs ends (P, 2), P = {shape[0]}, but got {ends.shape}")
    clipped = {kind: np.clip(images, 0, 1).astype(np.float32) for kind, images in paths.items()}
    made = _as_set(clipped, ends, choice, reader)
    shown = range(min(shape[0], max(ROWS // len(paths), 1)))
    names = [f"{label(kind)}, {pair_name(made, {}, pair)[0]}" for pair in shown for kind in paths]
    # All kinds between one pair stand together.
    rows = np.stack([images[: len(shown)] for images in clipped.values()], axis=1).reshape(-1, *shape[1:])
    points = shown_points(shape[1] - 1)
    strips = pictures.filmstrips(rows[:, points], names, points.tolist())
    curves = path_curves(made)
    files = {
        "paths.png": style.png(strips),
        "paths.svg": style.svg(strips).encode(),
        "paths.gif": moving.there_and_back(rows, names),
        "path-curves.png": style.png(curves),
        "path-curves.svg": style.svg(curves).encode(),
    }
    for name, content in files.items():
        with whole_file(Path(folder) / name) as path:
            path.write_bytes(content)
    kept = {"filmstrips": "paths.png", "animation": "paths.gif", "path-curves": "path-curves.png"}
    return {what: Path(folder) / name for what, name in kept.items()}


def picture_profiles(
    images: Float[np.ndarray, "P T *shape"], reader: FeatureReader | None
) -> tuple[dict[str, Float[np.ndarray, "P S"]], str]:
    """What changes at each step along paths of pictures, by name, and how style was measured, in words.

    Args:
        images: Pictures along paths.
        reader: What style losses are read with, of pictures in [0, 1]; None for none, and no words.
    """
    flat = images.reshape(*images.shape[:2], -1).astype(np.float64)
    found = {"decoded": np.linalg.norm(np.diff(flat, axis=1), axis=2)}
    if images.shape[1] > 2:
        # Of the point that a step leads to.
        found["cross_dissolve"] = cross_dissolve(images).index[:, 1:]
    if reader is None:
        return found, ""
    read = style_profiles(np.clip(images, 0, 1), reader)
    return found | {"style_loss": read.losses}, read.definition


def _as_set(
    paths: Mapping[str, np.ndarray], ends: np.ndarray, choice: str, reader: FeatureReader | None
) -> walk.PathSet:
    """The set that curves are drawn of; in place of codes, which nobody gave, the share of the way."""
    count, points = next(iter(paths.values())).shape[:2]
    shares = np.tile(np.linspace(0, 1, points)[:, None], (count, 1, 1))
    profiles: dict[str, dict[str, np.ndarray]] = {}
    for kind, images in paths.items():
        for name, values in picture_profiles(images, reader)[0].items():
            profiles.setdefault(name, {})[kind] = values
    return walk.PathSet(ends, (choice,) * count, dict.fromkeys(paths, shares), profiles)
