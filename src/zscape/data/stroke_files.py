"""From a path to drawings: a file of any kind, or a folder of them."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from zscape.data.drawings import Drawings, checked, simplified_raw, together
from zscape.data.folder import SUFFIXES as PICTURES
from zscape.data.ndjson import open_ndjson
from zscape.data.quickdraw_binary import open_binary
from zscape.data.stroke_archives import holds_drawings, open_stroke_archive
from zscape.data.svg import read_svg
from zscape.errors import DataError
from zscape.strokes import sketches_from_lines

_READERS = {".ndjson": open_ndjson, ".bin": open_binary, ".npz": open_stroke_archive}
_SVG = ".svg"
# Folders of these names are splits that the data set prescribes, as for pictures.
_SPLITS = {
    "train": "train",
    "test": "test",
    "validation": "validation",
    "val": "validation",
    "valid": "validation",
}


def are_drawings(path: Path) -> bool:
    """Whether a file is of a kind that holds drawings; whether a folder has such files and no pictures.

    Raises:
        DataError: If an archive there cannot be read.
    """
    if path.is_dir():
        return not any(file.suffix.lower() in PICTURES for file in path.rglob("*")) and any(_files(path))
    suffix = path.suffix.lower()
    return suffix in (_SVG, ".ndjson", ".bin") or (suffix == ".npz" and holds_drawings(path))


def open_stroke_files(path: Path) -> Drawings:
    """All drawings of a file or a folder.

    Several files other than SVG are a category each, named by the file, where they do not say themselves what
    they hold. SVG files have the category of the folder they lie in; those of the folder itself have none.
    Sub-folders named train and test (and validation, val or valid) are splits, whatever their files say. One
    category is none.

    Raises:
        DataError: If something cannot be read, or only some of the drawings have a category.
    """
    if not path.is_dir():
        return _one_is_none(_read(path))
    files = drawing_files(path)
    vectors = [file for file in files if file.suffix.lower() == _SVG]
    others = [file for file in files if file.suffix.lower() != _SVG]
    parts = [_named(_read(file), file) if len(others) > 1 else _read(file) for file in others]
    split = _prescribed(path, others)
    if split is not None:
        parts = [
            replace(part, split=np.full(len(part), name)) for part, name in zip(parts, split, strict=True)
        ]
    if vectors:
        parts.append(_folder_of_svg(path, vectors))
    return _one_is_none(together(parts, path))


def drawing_files(path: Path) -> list[Path]:
    """The files of drawings in a folder, sorted; of anything else none."""
    return sorted(_files(path)) if path.is_dir() else []


def _files(folder: Path) -> Iterator[Path]:
    """Files of drawings in a folder and its sub-folders; hidden ones are passed by."""
    for path in folder.rglob("*"):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if not hidden and path.suffix.lower() in (_SVG, *_READERS) and path.is_file() and are_drawings(path):
            yield path


def _read(path: Path) -> Drawings:
    if path.suffix.lower() == _SVG:
        return Drawings(_simplified([path]), path, (path,))
    return _READERS[path.suffix.lower()](path)


def _named(drawings: Drawings, path: Path) -> Drawings:
    if drawings.category is not None:
        return drawings
    category = np.full(len(drawings), path.stem.removeprefix("quickdraw_").replace("_", " "))
    return Drawings(drawings.sketches, path, drawings.files, category=category, split=drawings.split)


def _folder_of_svg(folder: Path, files: list[Path]) -> Drawings:
    parents = [file.relative_to(folder).parts[:-1] for file in files]
    split = _prescribed(folder, files)
    if split is not None:
        parents = [parts[1:] for parts in parents]
    bare = next((file for file, parts in zip(files, parents, strict=True) if not parts), None)
    if bare is not None and any(parents):
        raise DataError(
            f"{bare} lies beside folders of other drawings; put it into one of them, its category"
        )
    category = np.array([parts[0] for parts in parents]) if bare is None else None
    return Drawings(_simplified(files), folder, tuple(files), category=category, split=split)


def _prescribed(folder: Path, files: list[Path]) -> np.ndarray | None:
    """The split of each file by the sub-folder it lies in, if all lie in one of a split and some in train."""
    first = [file.relative_to(folder).parts[0] for file in files]
    if "train" not in first or not all(name in _SPLITS for name in first):
        return None
    return np.array([_SPLITS[name] for name in first])


def _simplified(files: list[Path]) -> list[np.ndarray]:
    """SVG files as stroke-3, boxed and simplified as raw drawings of Quick, Draw! are."""
    sketches = sketches_from_lines(simplified_raw([read_svg(file) for file in files], list(map(str, files))))
    return list(checked(sketches, str(files[0].parent)))


def _one_is_none(drawings: Drawings) -> Drawings:
    if drawings.category is None or len(set(drawings.category.tolist())) > 1:
        return drawings
    return Drawings(drawings.sketches, drawings.root, drawings.files, split=drawings.split)
