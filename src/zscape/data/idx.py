"""IDX files, the format of MNIST: a magic number, the dimensions, and bytes; raw or gzipped.

References:
    Y. LeCun, C. Cortes, C. Burges, The MNIST database of handwritten digits (its page defines the format).
"""

import contextlib
import gzip
import math
import zlib
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np

from zscape.data.images import read_labels
from zscape.data.pixels import image_shape, to_images
from zscape.data.source import Source, rows_a_chunk
from zscape.errors import DataError

_UNSIGNED_BYTE = 0x08
# A deflate stream cannot expand by more than this, so a header that claims more is damaged.
_DEFLATE_LIMIT = 1032
_REMEDY = "fetch or copy the file again"


def is_idx(path: Path) -> bool:
    """Whether a file is named as IDX files are: something-idx3-ubyte, with or without .gz."""
    stem = path.name.removesuffix(".gz").replace(".", "-")
    return any(stem.endswith(f"-idx{ndim}-ubyte") for ndim in (1, 3, 4))


def open_idx(path: Path, names: Sequence[str] = ()) -> Source:
    """One IDX file of images, with the labels that lie beside it under the usual name, if any.

    Raises:
        DataError: If the file is damaged, or holds no images.
    """
    _, shape = _header(path)
    if len(shape) < 3:
        raise DataError(
            f"{path} is an IDX file of {len(shape)} dimensions (labels, perhaps); name the file of images"
        )
    beside = _find(path.parent, path.name.replace("images", "labels").replace("idx3", "idx1"))
    beside = None if beside == path else beside
    labels = None if beside is None else _read_labels(beside, shape[0], path)
    return _source(path, [path], [labels], [beside], names)


def open_idx_folder(folder: Path, names: Sequence[str] = ()) -> Source:
    """A folder in the layout of MNIST: train-* and, usually, t10k-*, which is then the test split.

    Raises:
        DataError: If a file is missing or damaged.
    """
    images, labels, label_files = [], [], []
    for part in ("train", "t10k"):
        if part == "t10k" and not any(file.name.startswith(part) for file in folder.iterdir()):
            continue
        image_file = _needed(folder, f"{part}-images-idx3-ubyte")
        label_file = _needed(folder, f"{part}-labels-idx1-ubyte")
        images.append(image_file)
        label_files.append(label_file)
        labels.append(_read_labels(label_file, _header(image_file)[1][0], image_file))
    return _source(folder, images, labels, label_files, names)


def read_idx(path: Path) -> np.ndarray:
    """The whole array of an IDX file of unsigned bytes.

    Raises:
        DataError: If the file is truncated, damaged, or of another type.
    """
    _, shape = _header(path)
    parts = list(_rows(path))
    return np.concatenate(parts) if parts else np.zeros(shape, dtype=np.uint8)


def _source(
    root: Path,
    images: Sequence[Path],
    labels: Sequence[np.ndarray | None],
    label_files: Sequence[Path | None],
    names: Sequence[str],
) -> Source:
    shapes = [image_shape(_header(path)[1], str(path)) for path in images]
    if len({shape[1:] for shape in shapes}) > 1:
        raise DataError(
            f"{images[0]} and {images[1]} hold images of {shapes[0][1:]} and {shapes[1][1:]}; {_REMEDY}"
        )
    counts = [shape[0] for shape in shapes]
    joined = np.concatenate([part for part in labels if part is not None]) if labels[0] is not None else None
    classes, class_names = read_labels(joined, sum(counts), names, str(root))
    test = {"test": np.arange(counts[0], sum(counts))} if len(counts) == 2 else {}
    return Source(
        shape=(sum(counts), *shapes[0][1:]),
        chunks=partial(_all_rows, images),
        root=root,
        files=(*images, *(path for path in label_files if path is not None)),
        labels=classes,
        names=class_names,
        fixed=test,
    )


def _find(folder: Path, name: str) -> Path | None:
    stem = name.removesuffix(".gz")
    # Some tools unpack train-images-idx3-ubyte.gz as train-images.idx3-ubyte.
    dotted = stem.replace("-idx", ".idx")
    found = [
        folder / name for name in (f"{stem}.gz", stem, f"{dotted}.gz", dotted) if (folder / name).is_file()
    ]
    return found[0] if found else None


def _needed(folder: Path, name: str) -> Path:
    found = _find(folder, name)
    if found is None:
        raise DataError(f"{folder} lacks {name} (raw or .gz); {_REMEDY}")
    return found


def _read_labels(path: Path, count: int, images: Path) -> np.ndarray:
    labels = read_idx(path)
    if labels.shape != (count,):
        raise DataError(
            f"{path} holds labels of shape {labels.shape}, but {images} holds {count} images; {_REMEDY}, "
            "both of them"
        )
    return labels


def _all_rows(paths: Sequence[Path]) -> Iterator[np.ndarray]:
    for path in paths:
        for rows in _rows(path):
            yield to_images(rows, str(path))


def _rows(path: Path) -> Iterator[np.ndarray]:
    """The array of the file, some rows at a time; the end is checked, and with it the checksum of a gz."""
    offset, shape = _header(path)
    row_bytes = math.prod(shape[1:])
    step = rows_a_chunk(row_bytes)
    with _opened(path) as file:
        file.seek(offset)
        for start in range(0, shape[0], step):
            count = min(step, shape[0] - start)
            data = file.read(count * row_bytes)
            if len(data) < count * row_bytes:
                raise DataError(
                    f"{path} ends early: its header promises {shape} bytes, but it stops after "
                    f"{start * row_bytes + len(data)} of {math.prod(shape)}; {_REMEDY}"
                )
            yield np.frombuffer(data, dtype=np.uint8).reshape(count, *shape[1:])
        if file.read(1):
            raise DataError(f"{path} is longer than the {shape} bytes its header promises; {_REMEDY}")


def _header(path: Path) -> tuple[int, tuple[int, ...]]:
    """Offset of the data and shape of the array."""
    with _opened(path) as file:
        magic = file.read(4)
        if len(magic) < 4 or magic[:2] != b"\0\0" or not 1 <= magic[3] <= 4:
            raise DataError(
                f"{path} is not an IDX file (it begins with {magic.hex() or 'nothing'}); {_REMEDY}"
            )
        if magic[2] != _UNSIGNED_BYTE:
            raise DataError(
                f"{path} holds IDX data of type 0x{magic[2]:02x}, and unsigned bytes (0x08) are needed; "
                "convert it"
            )
        sizes = file.read(4 * magic[3])
        if len(sizes) < 4 * magic[3]:
            raise DataError(f"{path} ends within its header; {_REMEDY}")
    shape = tuple(int(size) for size in np.frombuffer(sizes, dtype=">u4"))
    if math.prod(shape) > path.stat().st_size * _DEFLATE_LIMIT:
        raise DataError(
            f"{path} promises {shape} bytes in its header, more than {path.stat().st_size} bytes can hold; "
            f"{_REMEDY}"
        )
    return 4 + len(sizes), shape


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """The bytes of a file, gunzipped when they begin as gzip does, whatever the file is called."""
    try:
        with path.open("rb") as raw:
            zipped = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            if zipped:
                with gzip.GzipFile(fileobj=raw) as file:
                    yield file  # type: ignore[misc] (a GzipFile reads as any binary file does)
            else:
                yield raw
    except EOFError as error:
        raise DataError(f"{path} is a truncated gz file; {_REMEDY}") from error
    except (zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path} is a damaged gz file ({error}); {_REMEDY}") from error
    except OSError as error:
        raise DataError(
            f"{path} cannot be read ({error.strerror or error}); check the path and permissions"
        ) from error
