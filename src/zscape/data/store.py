"""Where prepared images live: one uint8 tensor in memory or, above a stated budget, a read-only memory map.

The map is a .npy file in the user's cache, filled chunk by chunk, so that no data set is ever held twice or,
when it is larger than the budget, even once.
"""

import hashlib
import math
import shutil
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from zscape.errors import DataError
from zscape.files import whole_file

GIB = 2**30
# Bumped when prepared images would come out differently, so that older cache files are passed by.
_VERSION = "1"


def is_there(path: Path) -> bool:
    """Whether there is a file or folder at `path`.

    Raises:
        DataError: If that cannot be known: the path is too long, or lies in a folder that may not be read.
    """
    try:
        return path.exists()
    except OSError as error:
        raise DataError(f"{path} cannot be looked at ({error.strerror}); check the path") from error


def cache_key(files: Iterable[Path], options: object) -> str:
    """Short hash of a listing of the files and of the options that count.

    Of each file its path, size and times of change; the second, of its entry in the folder, cannot be set
    back.
    """
    digest = hashlib.sha256(f"{_VERSION} {options!r}".encode())
    for file in files:
        status = file.stat()
        changed = f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {status.st_ino}"
        digest.update(f"\n{file.absolute()} {changed}".encode())
    return digest.hexdigest()[:20]


def gather(
    chunks: Callable[[], Iterator[UInt8[np.ndarray, "n C H W"]]],
    shape: tuple[int, int, int, int],
    *,
    budget_gib: float,
    cached: Callable[[], Path],
    keep: bool = False,
) -> UInt8[Tensor, "N C H W"]:
    """All chunks as one tensor: in memory up to the budget, otherwise mapped read-only from the cache.

    Args:
        chunks: Gives the images in order; not called when the cache has them already.
        shape: (N, C, H, W) of the whole.
        budget_gib: Largest size held in memory, in GiB.
        cached: Gives the path of the cache file; called only when it is needed.
        keep: Whether to write the cache also when the images fit in memory, for sources that are slow to
            decode.

    Raises:
        DataError: If there is no room for it, or the cache cannot be written or holds something else.
    """
    size = math.prod(shape)
    fits = size <= budget_gib * GIB
    if fits and not keep:
        images = _room_in_memory(shape)
        _fill(images.numpy(), chunks())
        return images
    path = cached()
    if not path.is_file():
        _check_disk(path, size)
        _write(path, chunks, shape)
    return _read(path, shape, in_memory=fits)


def _room_in_memory(shape: tuple[int, ...]) -> Tensor:
    try:
        return torch.empty(shape, dtype=torch.uint8)
    except RuntimeError as error:
        raise DataError(
            f"the images take {math.prod(shape) / GIB:.4g} GiB, more than there is memory for; choose a "
            "smaller size, or a budget_gib below that to map them from disk"
        ) from error


def _check_disk(path: Path, size: int) -> None:
    """Refuse what cannot fit before hours are spent on filling the disk."""
    there = next((folder for folder in path.absolute().parents if folder.is_dir()), None)
    free = shutil.disk_usage(there).free if there is not None else size
    if size > free:
        raise DataError(
            f"prepared images take {size / GIB:.4g} GiB, but {there} has {free / GIB:.4g} GiB free; choose a "
            "smaller size, free some space there, or set ZSCAPE_CACHE to a folder with more"
        )


def _fill(target: np.ndarray, chunks: Iterator[np.ndarray]) -> None:
    start = 0
    for chunk in chunks:
        target[start : start + len(chunk)] = chunk
        start += len(chunk)


def _write(path: Path, chunks: Callable[[], Iterator[np.ndarray]], shape: tuple[int, ...]) -> None:
    try:
        # Written and not mapped: on a full disk a write raises an error, but a map ends the process.
        with whole_file(path) as temporary, temporary.open("wb") as file:
            np.lib.format.write_array_header_1_0(
                file, {"descr": "|u1", "fortran_order": False, "shape": shape}
            )
            for chunk in chunks():
                file.write(np.ascontiguousarray(chunk).data)
    except OSError as error:
        raise DataError(
            f"prepared images could not be written to {path} ({error}); free some space there, "
            "or set ZSCAPE_CACHE to a folder that can be written"
        ) from error


def _read(path: Path, shape: tuple[int, ...], *, in_memory: bool) -> Tensor:
    try:
        array = np.load(path, mmap_mode=None if in_memory else "r", allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise DataError(f"the cache file {path} is damaged ({error}); delete it and load again") from error
    if array.shape != shape or array.dtype != np.uint8:
        raise DataError(
            f"the cache file {path} holds {array.dtype} of shape {array.shape} and not uint8 of {shape}; "
            "delete it and load again"
        )
    with warnings.catch_warnings():
        # torch has no read-only tensors and says so. A private writable map would be quiet, but counts in
        # full against the memory a process may claim, which is what the map is there to avoid.
        warnings.filterwarnings("ignore", message="The given NumPy array is not writ", category=UserWarning)
        return torch.from_numpy(array)
