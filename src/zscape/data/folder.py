"""A folder of pictures: one sub-folder a class, or flat, or with a CSV of labels.

Sub-folders named train and test (and validation, val or valid) are splits that the data set prescribes.
"""

import csv
import os
import struct
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image, ImageOps

from zscape.data.images import read_labels
from zscape.data.pixels import check_size
from zscape.data.source import Source, rows_a_chunk
from zscape.data.store import is_there
from zscape.errors import DataError

T = TypeVar("T")
SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm"})
_SPLIT_FOLDERS = {
    "train": "train",
    "test": "test",
    "validation": "validation",
    "val": "validation",
    "valid": "validation",
}
_GREY_MODES = frozenset({"1", "L", "LA", "I", "F", "I;16", "I;16L", "I;16B", "I;16N"})
_SIXTEEN_BIT = frozenset({"I", "I;16", "I;16L", "I;16B", "I;16N"})
_TRANSPARENT = frozenset({"LA", "PA", "RGBA", "La", "RGBa"})
_ORIENTATION = 0x0112
# What Pillow raises on damaged files of its many formats.
_UNREADABLE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    struct.error,
    IndexError,
    Image.DecompressionBombError,
)


@dataclass(frozen=True)
class Listed:
    """The pictures of a folder before any is opened.

    Attributes:
        files: In the order of the data set.
        labels: Class of each file by name, or None.
        splits: Split prescribed for each file, or None.
    """

    files: tuple[Path, ...]
    labels: tuple[str, ...] | None
    splits: tuple[str, ...] | None


def open_folder(
    folder: Path,
    *,
    size: int | None = None,
    grey: bool | None = None,
    labels: Path | None = None,
    names: Sequence[str] = (),
) -> Source:
    """A folder of pictures, to be decoded by several threads at once.

    Args:
        folder: Read in sorted order; hidden files and files that are no pictures are passed by.
        size: The shorter side is scaled to it with antialiasing, then the centre cropped. None needs pictures
            of one size.
        grey: True for one channel, False for RGB, None for one channel only if every picture is grey.
        labels: CSV with columns file (relative to the folder) and label. The rows are the data set: pictures
            that it does not list are left out.
        names: Names for the classes, in the order of the sorted sub-folders.

    Raises:
        DataError: If there is nothing to read, sizes differ without `size`, or something cannot be read.
        ValueError: If size is not in 1..8192.
    """
    listed = list_folder(folder, labels)
    check_size(size)
    height, width, all_grey = _extent(listed.files, size, grey)
    shape = (len(listed.files), 1 if all_grey else 3, height, width)
    classes, class_names = read_labels(listed.labels, len(listed.files), (), str(folder))
    fixed = {}
    if listed.splits is not None:
        column = np.array(listed.splits)
        # Rows of the training folder stay free, so that validation can be cut from them.
        prescribed = set(listed.splits) - {"train"}
        fixed = {name: np.flatnonzero(column == name) for name in sorted(prescribed)}
    return Source(
        shape=shape,
        chunks=partial(decoded, listed.files, shape, size=size),
        root=folder,
        files=listed.files,
        labels=classes,
        names=tuple(names) or class_names,
        fixed=fixed,
        slow=True,
    )


def list_folder(folder: Path, labels: Path | None = None) -> Listed:
    """The pictures of a folder, their classes and prescribed splits, without opening any.

    Raises:
        DataError: If there are no pictures, or some lie beside sub-folders of others.
    """
    if labels is not None:
        return _listed_by_csv(folder, labels)
    parts = {path.name: path for path in sub_folders(folder)}
    if "train" in parts and set(parts) <= set(_SPLIT_FOLDERS) and not _pictures(folder):
        listed = {name: _list_classes(path) for name, path in sorted(parts.items())}
        files = tuple(file for part in listed.values() for file in part.files)
        splits = tuple(_SPLIT_FOLDERS[name] for name, part in listed.items() for _ in part.files)
        classes = [part.labels for part in listed.values()]
        if any(part is None for part in classes) != all(part is None for part in classes):
            raise DataError(
                f"{folder} has a sub-folder a class in some of {', '.join(listed)} and none in others; "
                "arrange them alike"
            )
        names = None if classes[0] is None else tuple(name for part in classes if part for name in part)
        return Listed(files, names, splits)
    return _list_classes(folder)


def read_picture(path: Path, *, grey: bool, size: int | None = None, crop: int | None = None) -> np.ndarray:
    """One picture as the model will see it: uint8 (C, H, W), upright, on white, scaled and cropped.

    Args:
        path: The file.
        grey: One channel or three.
        size: Side of the square that the centre is scaled to, or None.
        crop: Side of the central square that is taken, before scaling; None for as much as there is.

    Raises:
        DataError: If it cannot be read, or is smaller than `crop`; names the file.
    """
    return _guarded(partial(_decode, grey=grey, size=size, crop=crop), path)


def _decode(path: Path, *, grey: bool, size: int | None, crop: int | None) -> np.ndarray:
    with Image.open(path) as image:
        if crop is not None and min(image.size) < crop:
            raise DataError(
                f"{path} is {image.width} x {image.height}, less than the {crop} x {crop} that are cut from "
                "it; copy the original picture again"
            )
        if size is not None and crop is None:
            # A JPEG can be decoded at a fraction of its size; twice what is wanted leaves the resampling its
            # work.
            image.draft(None, (2 * size, 2 * size))
        upright = ImageOps.exif_transpose(_eight_bit(image))
        shown = upright.convert("L" if grey else "RGB")
        if size is not None or crop is not None:
            side = crop or min(shown.size)
            left, top = (shown.width - side) // 2, (shown.height - side) // 2
            square = shown.crop((left, top, left + side, top + side))
            shown = square if size is None else square.resize((size, size), Image.Resampling.BILINEAR)
        pixels = np.asarray(shown)
    return pixels[None] if grey else np.moveaxis(pixels, 2, 0)


def decoded(
    files: Sequence[Path],
    shape: tuple[int, int, int, int],
    *,
    size: int | None = None,
    crop: int | None = None,
) -> Iterator[np.ndarray]:
    """Pictures as uint8 images, chunk by chunk, each decoded by a thread of its own.

    Args:
        files: One an image.
        shape: (N, C, H, W) of them all; pictures are made grey where C is 1.
        size: As for `read_picture`.
        crop: As for `read_picture`.
    """
    step = rows_a_chunk(int(np.prod(shape[1:])))
    decode = partial(read_picture, grey=shape[1] == 1, size=size, crop=crop)
    for start in range(0, len(files), step):
        yield np.stack(_in_threads(decode, files[start : start + step]))


def _eight_bit(image: Image.Image) -> Image.Image:
    """The picture as L or RGB: 16-bit values scaled down, palettes looked up, transparency laid on white."""
    exif = image.getexif()
    if image.mode in _SIXTEEN_BIT:
        values = np.asarray(image).astype(np.float64)
        if values.min() < 0 or values.max() > 65535:
            raise ValueError(f"values {values.min():g} to {values.max():g} need to lie in 0..65535")
        result = Image.fromarray(np.rint(values / 257).astype(np.uint8))
    elif image.mode == "F":
        values = np.asarray(image)
        if not (values.min() >= 0 and values.max() <= 1):
            raise ValueError(f"float values {values.min():g} to {values.max():g} need to lie in 0..1")
        result = Image.fromarray(np.rint(values * 255).astype(np.uint8))
    elif image.mode in _TRANSPARENT or "transparency" in image.info:
        layer = image.convert("RGBA")
        result = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")
    else:
        result = image.convert("L" if image.mode in _GREY_MODES else "RGB")
    if _ORIENTATION in exif:
        result.getexif()[_ORIENTATION] = exif[_ORIENTATION]
    return result


def _extent(files: Sequence[Path], size: int | None, grey: bool | None) -> tuple[int, int, bool]:
    """Height, width and greyness of the set; headers are read only where they decide one of these."""
    if size is not None and grey is not None:
        return size, size, grey
    headers = _in_threads(partial(_guarded, _header), files)
    all_grey = all(header[2] for header in headers) if grey is None else grey
    if size is not None:
        return size, size, all_grey
    height, width = headers[0][:2]
    for file, header in zip(files, headers, strict=True):
        if header[:2] != (height, width):
            raise DataError(
                f"images need one size, but {files[0]} is {width} x {height} and {file} is {header[1]} x "
                f"{header[0]}; give a size to scale and crop them to"
            )
    return height, width, all_grey


def _header(path: Path) -> tuple[int, int, bool]:
    with Image.open(path) as image:
        turned = image.getexif().get(_ORIENTATION, 1) in (5, 6, 7, 8)
        width, height = image.size[::-1] if turned else image.size
        grey = image.mode in _GREY_MODES and "transparency" not in image.info
        return height, width, grey


def _guarded(read: Callable[[Path], T], path: Path) -> T:
    try:
        if path.stat().st_size == 0:
            raise DataError(f"{path} is empty (0 bytes); delete it or copy it again")
        return read(path)
    except Image.DecompressionBombError as error:
        raise DataError(
            f"{path} unpacks to more pixels than is safe ({error}); scale it down first, or delete it"
        ) from error
    except _UNREADABLE as error:
        reason = str(error).replace(str(path), "it").replace(repr(str(path)), "it")
        raise DataError(
            f"{path} cannot be read as an image ({reason}); delete it or copy it again"
        ) from error


def _in_threads(work: Callable[[Path], T], files: Sequence[Path]) -> list[T]:
    # Pillow lets go of the interpreter while it decodes and scales.
    with ThreadPoolExecutor(max_workers=min(16, os.cpu_count() or 1)) as pool:
        return list(pool.map(work, files))


def _list_classes(folder: Path) -> Listed:
    flat = _pictures(folder)
    classes = {path.name: found for path in sub_folders(folder) if (found := _pictures(path, deep=True))}
    if flat and classes:
        raise DataError(
            f"{folder} holds pictures ({flat[0].name}, ...) beside sub-folders of pictures "
            f"({', '.join(classes)}); move them into a sub-folder of their class"
        )
    if not flat and not classes:
        raise DataError(
            f"{folder} holds no pictures; needed are files such as {', '.join(sorted(SUFFIXES)[:5])}, "
            "flat or in one sub-folder a class"
        )
    if flat:
        return Listed(tuple(flat), None, None)
    files = tuple(file for found in classes.values() for file in found)
    return Listed(files, tuple(name for name, found in classes.items() for _ in found), None)


def sub_folders(folder: Path) -> list[Path]:
    """Folders within a folder, sorted, without hidden ones."""
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def _pictures(folder: Path, *, deep: bool = False) -> list[Path]:
    found = folder.rglob("*") if deep else folder.iterdir()
    return sorted(
        path
        for path in found
        if path.suffix.lower() in SUFFIXES
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and path.is_file()
    )


def _listed_by_csv(folder: Path, labels: Path) -> Listed:
    try:
        # Spreadsheets put a byte-order mark first.
        with labels.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            fields = reader.fieldnames or []
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{labels} cannot be read as a CSV of labels ({error}); save it as UTF-8") from error
    if not {"file", "label"} <= set(fields):
        raise DataError(
            f"a CSV of labels needs columns file and label, but {labels} has {', '.join(fields) or 'none'}; "
            "rename its columns"
        )
    if not rows:
        raise DataError(f"{labels} lists no files; give a row 'file,label' for each image")
    files, seen = [], set()
    base = Path(os.path.normpath(folder))
    for number, row in enumerate(rows, start=2):
        # By name alone, so that links within the folder stay what they are.
        path = Path(os.path.normpath(base / (row["file"] or "")))
        if not row["file"] or not row["label"]:
            raise DataError(
                f"row {number} of {labels} lacks its file or its label; complete or delete the row"
            )
        if not path.is_relative_to(base):
            raise DataError(
                f"row {number} of {labels} lists {row['file']}, which lies outside of {folder}; name files "
                "relative to that folder and within it"
            )
        if path in seen:
            raise DataError(
                f"row {number} of {labels} lists {row['file']} a second time; delete one of the rows"
            )
        if not is_there(path):
            raise DataError(
                f"row {number} of {labels} lists {row['file']}, but {path} does not exist; correct the row"
            )
        seen.add(path)
        files.append(path)
    return Listed(tuple(files), tuple(row["label"] for row in rows), None)
