"""CelebA as its makers give it: aligned faces, forty attributes of each, and the published split.

The folder holds img_align_celeba/, list_attr_celeba.txt and list_eval_partition.txt, or these in the folders
Img/, Anno/ and Eval/ that they are offered in. Attributes are factors of two values, 0 and 1. The central
square of 148 pixels, which is face and hair, is scaled to 64 x 64 unless another size is asked for.

References:
    Liu et al., Deep Learning Face Attributes in the Wild, ICCV 2015 (the data); the crop of 148 pixels is
    that of public code for variational autoencoders.
"""

import re
from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np

from zscape.data.folder import decoded
from zscape.data.pixels import check_size
from zscape.data.source import Source
from zscape.errors import DataError, brief

_CROP, _SIZE = 148, 64
_PICTURES, _ATTRIBUTES, _SPLITS = "img_align_celeba", "list_attr_celeba.txt", "list_eval_partition.txt"
_PARTS = {"0": "train", "1": "validation", "2": "test"}
_VALUES = {"-1": False, "1": True}
_COUNT = re.compile(r"\s*\d{1,9}\s*", re.ASCII)


def is_celeba(folder: Path) -> bool:
    """Whether a folder holds the pictures of CelebA under their name."""
    return _found(folder, "Img", _PICTURES).is_dir()


def open_celeba(folder: Path, *, size: int | None = None, grey: bool | None = None) -> Source:
    """Faces and attributes of a folder, in the order of the list of attributes.

    Args:
        folder: In the layout that the module describes. Without the list of the split, splits are drawn.
        size: Side that the central square is scaled to, antialiased; None for 64.
        grey: True for one channel, otherwise three.

    Raises:
        DataError: If pictures or attributes are missing, damaged or do not match, or likewise the split.
        ValueError: If size is not in 1..8192.
    """
    check_size(size)
    pictures = _found(folder, "Img", _PICTURES)
    if not pictures.is_dir():
        raise DataError(f"{folder} needs the folder {_PICTURES}, itself or in Img; unpack the pictures there")
    attributes = _found(folder, "Anno", _ATTRIBUTES)
    if not attributes.is_file():
        raise DataError(
            f"{folder} needs {_ATTRIBUTES} beside {_PICTURES}, or in Anno; copy it there, or load {pictures} "
            "as an ordinary folder of pictures"
        )
    names, factors = _read_attributes(attributes)
    _check_pictures(pictures, names, attributes)
    side = _SIZE if size is None else size
    shape = (len(names), 1 if grey else 3, side, side)
    files = tuple(pictures / name for name in names)
    splits = _found(folder, "Eval", _SPLITS)
    return Source(
        shape=shape,
        chunks=partial(decoded, files, shape, size=side, crop=_CROP),
        root=folder,
        files=files,
        factors=factors,
        fixed=_read_splits(splits, names, attributes) if splits.is_file() else {},
        slow=True,
    )


def _found(folder: Path, offered_in: str, name: str) -> Path:
    """Where a part lies: in the folder itself, unless only the folder it is offered in has it."""
    within = folder / offered_in / name
    return within if within.exists() and not (folder / name).exists() else folder / name


def _read_attributes(path: Path) -> tuple[list[str], dict[str, np.ndarray]]:
    """Names of the pictures, and a factor an attribute."""
    lines = _lines(path)
    if len(lines) < 2 or not _COUNT.fullmatch(lines[0]):
        raise DataError(
            f"{path} needs the number of pictures on line 1 and the names of the attributes on line 2, but "
            f"begins with {brief(lines[0] if lines else '', 60)!r}; copy it again"
        )
    attributes, rows = lines[1].split(), lines[2:]
    twice = next((name for name in attributes if attributes.count(name) > 1), None)
    if twice is not None or not attributes:
        what = "names none" if twice is None else f"names {twice!r} twice"
        raise DataError(f"line 2 of {path} needs a name an attribute, but {what}; copy it again")
    if int(lines[0]) != len(rows):
        raise DataError(
            f"{path} says that it lists {int(lines[0]):,} pictures, but has rows for {len(rows):,}; copy it "
            "again"
        )
    if not rows:
        raise DataError(f"{path} needs a row a picture, but lists none; copy it again")
    names, table = [], []
    for number, row in enumerate(rows, start=3):
        name, *values = row.split()
        flags = [_VALUES.get(value) for value in values]
        if len(flags) != len(attributes) or None in flags:
            raise DataError(
                f"line {number} of {path} needs a picture and {len(attributes)} values of -1 or 1, but holds "
                f"{brief(row, 60)!r}; copy it again"
            )
        names.append(name)
        table.append(flags)
    columns = np.array(table, dtype=np.int64).T
    return names, dict(zip(attributes, columns, strict=True))


def _read_splits(path: Path, names: list[str], attributes: Path) -> dict[str, np.ndarray]:
    """Rows of validation and test; the others are left to train on."""
    parts = {}
    for number, row in enumerate(_lines(path), start=1):
        name, *part = row.split()
        if len(part) != 1 or part[0] not in _PARTS:
            raise DataError(
                f"line {number} of {path} needs a picture and 0, 1 or 2 (train, validation, test), but holds "
                f"{brief(row, 60)!r}; copy it again"
            )
        if name in parts:
            raise DataError(f"line {number} of {path} lists {brief(name, 60)} a second time; copy it again")
        parts[name] = _PARTS[part[0]]
    if parts.keys() != set(names):
        odd = sorted(parts.keys() ^ set(names))
        raise DataError(
            f"{path} needs a row for each of the {len(names):,} pictures of {attributes}, but they differ in "
            f"{len(odd):,}, such as {brief(odd[0], 60)}; copy both again"
        )
    column = np.array([parts[name] for name in names])
    rows = {part: np.flatnonzero(column == part) for part in ("validation", "test")}
    return {part: found for part, found in rows.items() if len(found)}


def _check_pictures(pictures: Path, names: list[str], attributes: Path) -> None:
    there = {path.name for path in pictures.iterdir() if not path.name.startswith(".")}
    listed = set(names)
    if len(listed) < len(names):
        twice = Counter(names).most_common(1)[0][0]
        raise DataError(f"{attributes} lists {brief(twice, 60)} twice; copy it again")
    for odd, what in ((listed - there, "lacks"), (there - listed, "holds, unlisted,")):
        if odd:
            raise DataError(
                f"{pictures} needs the pictures that {attributes} lists, but {what} {len(odd):,}, such as "
                f"{brief(min(odd), 60)}; unpack the pictures again, or copy the list that goes with them"
            )


def _lines(path: Path) -> list[str]:
    """Lines that are not blank; a byte-order mark is no part of them."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read as text ({error}); copy it again") from error
    return [line for line in text.splitlines() if line.strip()]
