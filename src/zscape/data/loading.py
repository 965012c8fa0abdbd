"""From a name or a path to a data set: opened, prepared to size and colour, split."""

import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from zscape.data.archives import open_archive
from zscape.data.celeba import is_celeba, open_celeba
from zscape.data.chairs import is_chairs, open_chairs
from zscape.data.doodles import doodles_name, draw_doodles, parse_doodles_name
from zscape.data.drawings import Drawings, together
from zscape.data.entries import catalogue, located, located_categories
from zscape.data.folder import open_folder
from zscape.data.idx import is_idx, open_idx, open_idx_folder
from zscape.data.images import ARRAYS, Images
from zscape.data.pixels import fitted, fitted_shape
from zscape.data.quickdraw import is_quickdraw, quickdraw_name
from zscape.data.sketches import LIMIT, Strokes, strokes_from
from zscape.data.source import Source, rows_a_chunk
from zscape.data.splits import FRACTIONS, split_rows
from zscape.data.store import cache_key, gather
from zscape.data.stroke_archives import open_stroke_archive
from zscape.data.stroke_files import are_drawings, open_stroke_files
from zscape.data.synthetic import DEFAULTS, open_sprites, parse_sprites_name, sprites_name
from zscape.errors import DataError
from zscape.folders import cache_dir, expanded

_LAYOUTS = (("celeba", is_celeba, open_celeba), ("chairs", is_chairs, open_chairs))


def load(
    name: str | os.PathLike[str],
    *,
    data_dir: str | os.PathLike[str] | None = None,
    size: int | None = None,
    grey: bool | None = None,
    fractions: Sequence[float] = FRACTIONS,
    seed: int = 0,
    budget_gib: float = 4.0,
    labels: str | os.PathLike[str] | None = None,
    limit: int = LIMIT,
    least: int = 1,
    scale: float | None = None,
    augment: bool = False,
) -> Images | Strokes:
    """A data set by name or path, split and ready to draw batches from.

    >>> data = load("digits")
    >>> data.shape, len(data), {split: len(rows) for split, rows in data.splits.items()}
    ((1, 8, 8), 1797, {'train': 1437, 'validation': 180, 'test': 180})

    Args:
        name: A name of the catalogue; or a path to a folder of pictures, a folder in the layout of MNIST, an
            IDX file or an .npz archive; or to drawings: .ndjson, .bin, .npz or .svg, or a folder of these.
            Names and relative paths are looked for in data folders: `data_dir`, ZSCAPE_DATA, the user's
            cache.
        data_dir: The data folder to look in first.
        size: Side in pixels, at most 8192. The shorter side is scaled to it, antialiased, and the
            centre cropped. None keeps the size that there is; of CelebA and 3D chairs a square of 148 and of
            400 pixels is cut first, and None makes them 64.
        grey: True for one channel, False for RGB, None for what there is; 3D chairs are grey then.
        fractions: Shares of train, validation and test. Where the data set prescribes its test images,
            validation is cut from the rest in the ratio of the first two.
        seed: Of the split.
        budget_gib: Images above this size, in GiB, are not held in memory but mapped from the user's cache.
        labels: For a folder of pictures, a CSV with columns file and label.
        limit: Most points of a drawing; longer ones are left out, and `left_out` of the result says how many.
        least: Fewest points of a drawing, likewise.
        scale: For drawings, the units of the file in one unit of the batches; None for the standard deviation
            of all offsets of the training split. A run keeps the number.
        augment: Whether training sees drawings stretched and thinned at random.

    Returns:
        Images, or Strokes where the files hold drawings. Options of the other kind are refused.

    Raises:
        DataError: If it cannot be found, read or understood; the message names the file and the remedy.
        ValueError: If fractions, seed, size, budget, limits or scale cannot be.
    """
    name = os.fspath(name)
    drawn = _open_drawings(name, data_dir)
    if drawn is not None:
        title, spec_name, drawings = drawn
        _refuse(title, "drawings", size=size, grey=grey, labels=labels)
        return strokes_from(
            drawings,
            name=title,
            source=str(drawings.root) if drawings.files else f"{title}, embedded",
            spec={"name": spec_name, "data_dir": _absolute(data_dir)},
            limit=limit,
            least=least,
            fractions=fractions,
            seed=seed,
            scale=scale,
            augment=augment,
        )
    changed = {"limit": None if limit == LIMIT else limit, "least": None if least == 1 else least}
    _refuse(name, "pictures", **changed, scale=scale, augment=augment or None)
    return _images(
        name,
        data_dir=data_dir,
        size=size,
        grey=grey,
        fractions=fractions,
        seed=seed,
        budget_gib=budget_gib,
        labels=labels,
    )


def load_images(name: str | os.PathLike[str], *, data_dir: str | os.PathLike[str] | None = None) -> Images:
    """A data set of images by name or path as `load` gives it, for work that drawings would not do for.

    Args:
        name: As for `load`.
        data_dir: As for `load`.

    Raises:
        DataError: If it cannot be loaded, or holds drawings.
    """
    data = load(name, data_dir=data_dir)
    if isinstance(data, Strokes):
        raise DataError(f"images are needed here, but {data.name} are drawings; choose another data set")
    return data


def sprites(
    *,
    size: int = DEFAULTS["size"],
    shapes: int = DEFAULTS["shapes"],
    scales: int = DEFAULTS["scales"],
    orientations: int = DEFAULTS["orientations"],
    positions: int = DEFAULTS["positions"],
    fractions: Sequence[float] = FRACTIONS,
    seed: int = 0,
    budget_gib: float = 4.0,
) -> Images:
    """Generated sprites in the manner of dSprites: every combination of five factors exactly once.

    The factors shape, scale, orientation, x and y are int64 classes, the last changing fastest; `values`
    holds what a class stands for: shape 1 to 3, scale in [0.5, 1], orientation in [0, 2 pi) radians, turning
    x towards y, x and y in [0, 1] from left to right and from top to bottom. Labels are the shapes. A square
    looks the same every quarter turn and an ellipse every half; with an odd number of orientations no two
    images are alike.

    >>> data = sprites(size=16, scales=2, orientations=2, positions=2)
    >>> len(data), data.shape, data.names
    (48, (1, 16, 16), ('square', 'ellipse', 'heart'))

    Args:
        size: Side of the images in pixels; at least 8.
        shapes: The first of square, ellipse, heart.
        scales: Number of scales.
        orientations: Number of orientations.
        positions: Number of positions along x, and along y.
        fractions: Shares of train, validation and test.
        seed: Of the split; the images have nothing random.
        budget_gib: Images above this size, in GiB, are mapped from the user's cache.

    Raises:
        ValueError: If a count is below 1, shapes above 3, or size below 8.
        DataError: If the grid has too few images to split.
    """
    grid = {
        "size": size,
        "shapes": shapes,
        "scales": scales,
        "orientations": orientations,
        "positions": positions,
    }
    return _images(sprites_name(**grid), fractions=fractions, seed=seed, budget_gib=budget_gib)


def _open_drawings(name: str, data_dir: str | os.PathLike[str] | None) -> tuple[str, str, Drawings] | None:
    """Title, name for the spec, and the drawings; None where there are pictures or nothing known."""
    if is_quickdraw(name):
        files = located_categories(name, data_dir)
        title = quickdraw_name(tuple(files))
        parts = [open_stroke_archive(path) for path in files.values()]
        if len(parts) > 1:
            parts = [
                replace(part, category=np.full(len(part), category))
                for category, part in zip(files, parts, strict=True)
            ]
        return title, title, together(parts, parts[0].root)
    if name.partition(":")[0] == "doodles":
        asked = parse_doodles_name(name)
        return "doodles", doodles_name(**asked), draw_doodles(**asked)
    if name == ARRAYS or name.partition(":")[0] in ("digits", "sprites"):
        return None
    path = located(name, data_dir)
    if not are_drawings(path):
        return None
    known = any(entry.name == name for entry in catalogue())
    title, spec_name = (name, name) if known else (path.resolve().name.split(".")[0], str(path.absolute()))
    return title, spec_name, open_stroke_files(path)


def _refuse(name: str, kind: str, **options: object) -> None:
    """Refuse options that mean nothing for data of this kind."""
    given = [option for option, value in options.items() if value is not None]
    if given:
        raise DataError(f"{name} are {kind}, for which {' and '.join(given)} mean nothing; leave that out")


def _images(
    name: str,
    *,
    data_dir: str | os.PathLike[str] | None = None,
    size: int | None = None,
    grey: bool | None = None,
    fractions: Sequence[float],
    seed: int,
    budget_gib: float,
    labels: str | os.PathLike[str] | None = None,
) -> Images:
    """What `load` gives for pictures."""
    if not budget_gib >= 0:
        raise ValueError(f"budget_gib needs to be at least 0, but got {budget_gib}")
    title, spec_name, source = _open(name, data_dir=data_dir, size=size, grey=grey, labels=labels)
    shape = fitted_shape(source.shape, size, grey)
    # Before any pixel is read, since it is quick and may fail.
    splits = split_rows(
        shape[0], source.labels, fractions=fractions, seed=seed, fixed=source.fixed, source=str(source.root)
    )
    images = gather(
        partial(_fitted_chunks, source, size, grey),
        shape,
        budget_gib=budget_gib,
        cached=partial(_cache_file, source, title, (spec_name, size, grey)),
        keep=source.slow,
    )
    return Images(
        images,
        name=title,
        labels=source.labels,
        names=source.names,
        factors=source.factors,
        values=source.values,
        splits=splits,
        source=str(source.root) if source.files else f"{title}, embedded",
        spec={
            "name": spec_name,
            "data_dir": _absolute(data_dir),
            "size": size,
            "grey": grey,
            "fractions": list(fractions),
            "seed": seed,
            "budget_gib": budget_gib,
            "labels": _absolute(labels),
        },
    )


def _open(
    name: str,
    *,
    data_dir: str | os.PathLike[str] | None,
    size: int | None,
    grey: bool | None,
    labels: str | os.PathLike[str] | None,
) -> tuple[str, str, Source]:
    """Title, name for the spec, and the opened source."""
    generated = _generated(name, size)
    if generated is not None:
        _no_csv(labels, name)
        return generated
    path = located(name, data_dir)
    known = next((entry for entry in catalogue() if entry.name == name), None)
    names = () if known is None else known.names
    title = path.resolve().name.split(".")[0] if known is None else name
    if path.is_dir() and not any(is_idx(file) for file in path.iterdir()):
        source = _open_pictures(name, path, size=size, grey=grey, labels=labels, names=names)
    else:
        _no_csv(labels, str(path))
        source = _open_file(path, names)
    return title, name if known is not None else str(path.absolute()), source


def _open_pictures(
    name: str,
    path: Path,
    *,
    size: int | None,
    grey: bool | None,
    labels: str | os.PathLike[str] | None,
    names: Sequence[str],
) -> Source:
    """A folder in a layout that is published under a name, or any other folder of pictures."""
    if labels is not None:
        return open_folder(path, size=size, grey=grey, labels=expanded(labels), names=names)
    for published, has_layout, opened in _LAYOUTS:
        if name == published or has_layout(path):
            return opened(path, size=size, grey=grey)
    return open_folder(path, size=size, grey=grey, names=names)


def _generated(name: str, size: int | None) -> tuple[str, str, Source] | None:
    if name == ARRAYS:
        raise DataError(
            "this data was given as arrays, which a run does not keep; pass the same arrays again, or save "
            "them as .npz and load that"
        )
    if name == "digits":
        return name, name, _digits()
    if name.partition(":")[0] == "sprites":
        grid = parse_sprites_name(name)
        if size is not None:
            grid["size"] = size  # drawn at that size, not scaled to it
        return "sprites", sprites_name(**grid), open_sprites(**grid)
    return None


def _open_file(path: Path, names: Sequence[str]) -> Source:
    if path.is_dir():
        return open_idx_folder(path, names)
    if path.suffix.lower() == ".npz":
        return open_archive(path, names)
    if is_idx(path) or path.suffix in (".gz", ".idx", ""):
        return open_idx(path, names)
    raise DataError(
        f"{path} is of no kind that zscape reads; needed is an .npz archive, an IDX file (images-idx3-ubyte, "
        "raw or .gz), a folder of pictures, or drawings in .ndjson, .bin or .svg"
    )


def _digits() -> Source:
    from sklearn.datasets import load_digits  # takes a second to import

    bunch: Any = load_digits()
    # 16 levels of grey; as bytes, so that they are treated as all other images are.
    images = np.rint(bunch["images"] * (255 / 16)).astype(np.uint8)[:, None]
    return Source(
        shape=images.shape,
        chunks=lambda: iter((images,)),
        root=Path("digits"),
        files=(),
        labels=bunch["target"].astype(np.int64),
        names=tuple(str(digit) for digit in range(10)),
    )


def _fitted_chunks(source: Source, size: int | None, grey: bool | None) -> Iterator[np.ndarray]:
    for chunk in source.chunks():
        # What is small as read may be large as wanted.
        step = rows_a_chunk(math.prod(fitted_shape(chunk.shape, size, grey)[1:]))
        for start in range(0, len(chunk), step):
            yield fitted(chunk[start : start + step], size, grey)


def _cache_file(source: Source, title: str, options: tuple[str, int | None, bool | None]) -> Path:
    return cache_dir() / "prepared" / f"{title}-{cache_key(source.files, options)}.npy"


def _no_csv(labels: str | os.PathLike[str] | None, name: str) -> None:
    if labels is not None:
        raise DataError(
            f"a CSV of labels goes with a folder of pictures, and {name} is none; leave labels out"
        )


def _absolute(path: str | os.PathLike[str] | None) -> str | None:
    return None if path is None else str(expanded(path).absolute())
