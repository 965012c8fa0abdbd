"""Images in .npz archives, streamed member by member and never unpickled.

Layouts understood, by the names of the arrays:

- images (or imgs, x, data) with labels (or y) or factors, and optional names of the classes;
- dSprites: imgs with latents_classes and latents_values;
- a turntable (COIL-20): images (objects, angles, H, W) with angles_deg;
- one array of images for each class, named by the class.

Python objects in an archive (the metadata of dSprites) are passed by; where they stand in place of images or
labels, the archive is refused.
"""

import math
import zipfile
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import IO

import numpy as np

from zscape.data.images import as_text, read_factors, read_labels
from zscape.data.pixels import check_dtype, check_levels, image_shape, to_images
from zscape.data.source import Source, rows_a_chunk
from zscape.errors import DataError
from zscape.npz import Member, list_members, opened, read

_IMAGES = ("images", "imgs", "x", "data")
_LABELS = ("labels", "y")
_DSPRITES_SHAPES = ("square", "ellipse", "heart")
# Classes of a factor, other than the shape: enough for any grid, few enough for a table of values.
_MOST_CLASSES = 2**16
_DSPRITES_FACTORS = ("shape", "scale", "orientation", "x", "y")


def open_archive(path: Path, names: Sequence[str] = ()) -> Source:
    """An .npz archive in any of the layouts above.

    Raises:
        DataError: If it is damaged, holds pickled objects where arrays are needed, or has another layout.
    """
    members = list_members(path)
    image_name = next((name for name in _IMAGES if name in members), None)
    if image_name is None:
        return _one_array_a_class(path, members)
    images = members[image_name]
    check_dtype(images.dtype, images.title)
    if "angles_deg" in members and len(images.shape) == 4:
        return _turntable(images, members["angles_deg"], names)
    if "latents_classes" in members:
        return _dsprites(images, members)
    return _plain(images, members, names)


def _plain(images: Member, members: dict[str, Member], names: Sequence[str]) -> Source:
    shape = image_shape(images.shape, images.title)
    label_name = next((name for name in _LABELS if name in members), None)
    labels = None if label_name is None else _read(members[label_name])
    if not names and "names" in members:
        names = _texts(members["names"])
    classes, class_names = read_labels(labels, shape[0], names, str(images.path))
    return Source(
        shape=shape,
        chunks=partial(_images, images),
        root=images.path,
        files=(images.path,),
        labels=classes,
        names=class_names,
        factors=_factor_columns(members, shape[0]),
    )


def _factor_columns(members: dict[str, Member], count: int) -> dict[str, np.ndarray]:
    if "factors" not in members:
        return {}
    member = members["factors"]
    table = _read(member)
    if table.ndim != 2 or len(table) != count:
        raise DataError(
            f"factors need shape ({count}, F), one row an image, but {member.title} has shape {table.shape}"
        )
    names = [f"factor{column}" for column in range(table.shape[1])]
    if "factor_names" in members:
        names = _texts(members["factor_names"])
    if len(names) != table.shape[1]:
        raise DataError(f"{member.title} has {table.shape[1]} columns, but factor_names names {len(names)}")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise DataError(f"{member.path} has two factors {twice!r} in factor_names; rename one of them")
    return read_factors(dict(zip(names, table.T, strict=True)), count, str(member.path))


def _dsprites(images: Member, members: dict[str, Member]) -> Source:
    shape = image_shape(images.shape, images.title)
    classes = _read(members["latents_classes"])
    if classes.ndim != 2 or len(classes) != shape[0] or classes.shape[1] not in (5, 6):
        raise DataError(
            f"latents_classes need shape ({shape[0]}, 5) or, with colour, ({shape[0]}, 6), "
            f"but in {images.path} they have {classes.shape}"
        )
    _check_numeric(members["latents_classes"])
    # The sixth column, the first of the original file, is the colour: always white.
    columns: dict[str, np.ndarray] = {
        name: _dsprites_classes(name, column, members["latents_classes"])
        for name, column in zip(_DSPRITES_FACTORS, classes[:, -5:].T, strict=True)
    }
    values = {}
    if "latents_values" in members:
        table = _read(members["latents_values"])
        if table.shape != classes.shape:
            raise DataError(
                f"latents_values need the shape of latents_classes, {classes.shape}, "
                f"but in {images.path} they have {table.shape}"
            )
        _check_numeric(members["latents_values"])
        for (name, column), value in zip(columns.items(), table[:, -5:].T, strict=True):
            values[name] = np.full(column.max(initial=-1) + 1, np.nan)
            values[name][column] = value
    return Source(
        shape=shape,
        chunks=partial(_binary_images, images),
        root=images.path,
        files=(images.path,),
        labels=columns["shape"],
        names=_DSPRITES_SHAPES,
        factors=columns,
        values=values,
    )


def _dsprites_classes(name: str, column: np.ndarray, member: Member) -> np.ndarray:
    """One factor as int64 classes."""
    most = len(_DSPRITES_SHAPES) if name == "shape" else _MOST_CLASSES
    inside = (column >= 0) & (column < most)
    if not (inside.all() and np.array_equal(column, np.rint(column))):
        raise DataError(
            f"classes need to be whole numbers in 0..{most - 1}, but in {member.title} {name} spans "
            f"{column.min():.3g} to {column.max():.3g}; correct them, or leave latents_classes out to read "
            "the archive as ordinary images"
        )
    return column.astype(np.int64)


def _check_numeric(member: Member) -> None:
    if member.dtype.kind not in "iubf":
        raise DataError(f"{member.title} need numbers, but they are {member.dtype}; convert them")


def _turntable(images: Member, angles: Member, names: Sequence[str]) -> Source:
    objects, turns = images.shape[:2]
    shape = image_shape((objects * turns, *images.shape[2:]), images.title)
    degrees = _read(angles)
    if degrees.shape != (turns,):
        raise DataError(
            f"angles_deg need one value a view, {turns}, but in {images.path} they have shape {degrees.shape}"
        )
    return Source(
        shape=shape,
        chunks=partial(_images, images, flat=True),
        root=images.path,
        files=(images.path,),
        labels=np.repeat(np.arange(objects), turns),
        names=tuple(names) or tuple(f"object {number}" for number in range(1, objects + 1)),
        factors={"angle": np.tile(np.arange(turns), objects)},
        values={"angle": degrees},
    )


def _one_array_a_class(path: Path, members: dict[str, Member]) -> Source:
    shapes = {member.shape[1:] for member in members.values()}
    if len(shapes) != 1 or len(next(iter(shapes))) not in (2, 3) or len(members) < 2:
        found = ", ".join(f"{name} {member.shape}" for name, member in members.items()) or "nothing"
        raise DataError(
            f"an archive of images needs an array named {' or '.join(_IMAGES)}, or an array a class of "
            f"images of one size, but {path} holds {found}; rename the array of images to 'images'"
        )
    ordered = [members[name] for name in sorted(members)]
    for member in ordered:
        check_dtype(member.dtype, member.title)
    counts = [member.shape[0] for member in ordered]
    return Source(
        shape=image_shape((sum(counts), *ordered[0].shape[1:]), str(path)),
        chunks=partial(_each, ordered),
        root=path,
        files=(path,),
        labels=np.repeat(np.arange(len(ordered)), counts),
        names=tuple(member.name for member in ordered),
    )


def _each(members: Sequence[Member]) -> Iterator[np.ndarray]:
    for member in members:
        yield from _images(member)


def _images(member: Member, *, flat: bool = False) -> Iterator[np.ndarray]:
    """uint8 images of a member, a chunk at a time; `flat` joins its first two axes."""
    highest = 0
    for rows in _rows(member):
        images = to_images(rows.reshape(-1, *rows.shape[2:]) if flat else rows, member.title)
        highest = max(highest, int(images.max(initial=0)))
        yield images
    check_levels(highest, member.title)


def _binary_images(member: Member) -> Iterator[np.ndarray]:
    for rows in _rows(member):
        if rows.dtype == np.uint8 and rows.max(initial=0) > 1:
            raise DataError(
                f"dSprites images need to be 0 or 1, but {member.title} holds {rows.max()}; "
                "without latents_classes the archive reads as ordinary images"
            )
        yield to_images(rows.astype(bool), member.title)


def _read(member: Member) -> np.ndarray:
    """A small member as a whole: labels, factors, names."""
    if member.dtype.hasobject:
        check_dtype(member.dtype, member.title)
    return read(member)


def _texts(member: Member) -> list[str]:
    return [str(text) for text in np.atleast_1d(as_text(_read(member), member.title))]


def _rows(member: Member) -> Iterator[np.ndarray]:
    """The array of a member, some rows at a time."""
    if member.fortran:
        # Column-major rows are not together in the file. Rare enough to be read as a whole.
        yield _read(member)
        return
    row_bytes = math.prod(member.shape[1:]) * member.dtype.itemsize
    step = rows_a_chunk(row_bytes)
    with opened(member.path) as archive, archive.open(f"{member.name}.npy") as file:
        _exactly(file, member.offset)
        for start in range(0, member.shape[0], step):
            count = min(step, member.shape[0] - start)
            data = _exactly(file, count * row_bytes)
            yield np.frombuffer(data, dtype=member.dtype).reshape(count, *member.shape[1:])
        file.read(1)  # the checksum is compared at the very end, which an exact read need not reach


def _exactly(file: IO[bytes] | zipfile.ZipExtFile, count: int) -> bytes:
    data = file.read(count)
    if len(data) < count:
        raise EOFError(f"{count} bytes needed, {len(data)} left")
    return data
