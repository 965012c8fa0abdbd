"""Drawings in .npz archives as sketch-rnn writes them: arrays of objects, read without unpickling.

Two layouts: arrays named train, valid (or validation) and test, which are splits that the file prescribes; or
an array for each category, named by it, without splits.
"""

import zipfile
from pathlib import Path

import numpy as np

from zscape.data.drawings import Drawings, checked
from zscape.data.pickled import read_object_array
from zscape.errors import DataError, brief
from zscape.npz import Member, check_sizes, content, list_members, opened, read

_SPLITS = {"train": "train", "valid": "validation", "validation": "validation", "test": "test"}
# An array of this name holds images or labels, whatever its type.
_OF_IMAGES = frozenset({"images", "imgs", "x", "data", "labels", "y"})


def holds_drawings(path: Path) -> bool:
    """Whether an .npz archive holds arrays of objects and nothing that is called images or labels.

    A file that is no archive holds none.

    Raises:
        DataError: If it is an archive that cannot be read.
    """
    if not zipfile.is_zipfile(path):
        return False
    found = list_members(path)
    return not _OF_IMAGES & set(found) and any(member.dtype.hasobject for member in found.values())


def open_stroke_archive(path: Path) -> Drawings:
    """All drawings of an archive in one of the layouts above.

    Raises:
        DataError: If it is damaged, too large once decompressed, or holds anything but arrays of drawings;
            nothing in it is ever run.
    """
    found = list_members(path)
    check_sizes(*found.values())
    parts = {name: _drawings(member) for name, member in found.items()}
    counts = [len(part) for part in parts.values()]
    column = np.repeat(np.array(list(parts)), counts)
    sketches = [sketch for part in parts.values() for sketch in part]
    if not sketches:
        raise DataError(f"{path} holds no drawings; make or copy it again")
    if set(parts) <= set(_SPLITS):
        split = np.array([_SPLITS[name] for name in parts])
        return Drawings(sketches, path, (path,), split=np.repeat(split, counts))
    return Drawings(sketches, path, (path,), category=column)


def check_archive(path: Path) -> str | None:
    """What is wrong with a zip archive by the checksums that it holds itself, or None."""
    try:
        with opened(path) as archive:
            bad = archive.testzip()
    except DataError as error:
        return str(error)
    return None if bad is None else f"{bad} in {path} does not have the checksum that the archive gives it"


def _drawings(member: Member) -> list[np.ndarray]:
    shape = member.shape
    if member.dtype.hasobject:
        found = read_object_array(content(member), member.title)
        if shape != (len(found),):
            raise DataError(
                f"{member.title} has {len(found)} drawings, but a header of shape {brief(shape)}; make it "
                "again"
            )
    # numpy makes one block of drawings that all have the same number of points.
    elif len(shape) == 3 and 0 not in shape:
        found = list(read(member))
    elif shape[:1] == (0,):
        found = []
    else:
        raise DataError(
            f"drawings need an array of objects, or a block (N, n, 3), but {member.title} is {member.dtype} "
            f"of shape {brief(shape)}; leave out what is no drawing"
        )
    return list(checked(found, member.title))
