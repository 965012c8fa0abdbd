"""Drawings in .npz archives as sketch-rnn writes them: arrays of objects, read without unpickling.

Two layouts: arrays named train, valid (or validation) and test, which are splits that the file prescribes; or
an array for each category, named by it, without splits.
"""

import contextlib
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from zscape.data.drawings import Drawings, checked
from zscape.data.pickled import read_object_array
from zscape.errors import DataError

_SPLITS = {"train": "train", "valid": "validation", "validation": "validation", "test": "test"}
# An array of this name holds images or labels, whatever its type.
_OF_IMAGES = frozenset({"images", "imgs", "x", "data", "labels", "y"})
# What zipfile, zlib and numpy's reader of headers raise on damaged or encrypted archives.
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, RuntimeError)


def holds_drawings(path: Path) -> bool:
    """Whether an .npz archive holds arrays of objects and nothing that is called images or labels.

    A file that is no archive holds none.

    Raises:
        DataError: If it is an archive that cannot be read.
    """
    if not zipfile.is_zipfile(path):
        return False
    with _opened(path) as archive:
        names = _names(archive)
        return not _OF_IMAGES & set(names) and any(
            _header(archive, name, path)[1].hasobject for name in names
        )


def open_stroke_archive(path: Path) -> Drawings:
    """All drawings of an archive in one of the layouts above.

    Raises:
        DataError: If it is damaged, or holds anything but arrays of drawings; nothing in it is ever run.
    """
    with _opened(path) as archive:
        parts = {name: _drawings(archive, name, path) for name in _names(archive)}
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
        with _opened(path) as archive:
            bad = archive.testzip()
    except DataError as error:
        return str(error)
    return None if bad is None else f"{bad} in {path} does not have the checksum that the archive gives it"


def _names(archive: zipfile.ZipFile) -> list[str]:
    names = [info.filename for info in archive.infolist()]
    return [name.removesuffix(".npy") for name in names if name.endswith(".npy")]


def _header(archive: zipfile.ZipFile, name: str, path: Path) -> tuple[tuple[int, ...], np.dtype, int]:
    """Shape, type and place of the first byte after the header."""
    with archive.open(f"{name}.npy") as file:
        version = np.lib.format.read_magic(file)
        if version not in ((1, 0), (2, 0)):
            raise DataError(f"{name!r} in {path} is a .npy of version {version}; save it with a plain dtype")
        read = (
            np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        )
        shape, _, dtype = read(file)
        return shape, dtype, file.tell()


def _drawings(archive: zipfile.ZipFile, name: str, path: Path) -> list[np.ndarray]:
    shape, dtype, offset = _header(archive, name, path)
    title = f"{name!r} in {path}"
    with archive.open(f"{name}.npy") as file:
        if not dtype.hasobject:
            # numpy makes one block of drawings that all have the same number of points.
            found = list(np.lib.format.read_array(file, allow_pickle=False))
        else:
            found = read_object_array(file.read()[offset:], title)
    if len(shape) == 0 or len(found) != shape[0]:
        raise DataError(f"{title} has {len(found)} drawings, but a header of shape {shape}; make it again")
    return list(checked(found, title))


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except _DAMAGED as error:
        raise DataError(
            f"{path} is a damaged .npz archive, or none ({error}); make or copy it again"
        ) from error
    except OSError as error:
        raise DataError(
            f"{path} cannot be read ({error.strerror or error}); check the path and permissions"
        ) from error
