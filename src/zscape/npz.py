"""Arrays of .npz archives one by one, headers first and never unpickled.

What a header or the archive says is compared with the bytes that are there before memory is asked for, and
what would be unreasonably large once decompressed is refused.
"""

import contextlib
import lzma
import math
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zscape.errors import DataError, brief

# What is read as a whole may have this many bytes, and this many more for each byte of the archive. Offsets
# and weights shrink by less than 30; labels in order by a thousand, but the first two million are free.
# Pictures, which shrink by more than 100, are read a chunk at a time.
_ALWAYS, _RATIO = 2**24, 100
_LONGEST_NAME = 200
# All that zipfile and numpy's reader of headers are known to raise on bytes that are no archive of arrays, or
# on an encrypted one; NotImplementedError is a RuntimeError.
_DAMAGED = (
    EOFError,
    IndexError,
    MemoryError,
    OverflowError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    lzma.LZMAError,
    struct.error,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)


@dataclass(frozen=True)
class Member:
    """One array of an archive, with its header read.

    Attributes:
        path: The archive.
        name: Without `.npy`.
        dtype: Of an element.
        shape: As the header says; it is as long as the member, unless elements are objects.
        offset: Bytes of the header.
        size: Bytes once decompressed, with the header.
        fortran: Whether columns are together.
    """

    path: Path
    name: str
    dtype: np.dtype
    shape: tuple[int, ...]
    offset: int
    size: int
    fortran: bool

    @property
    def title(self) -> str:
        """What to call it in messages."""
        return f"{self.name!r} in {self.path}"


@contextlib.contextmanager
def opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """The archive; what is raised in the block on damaged bytes becomes a DataError.

    Raises:
        DataError: If it is damaged, no archive, or cannot be opened.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except (*_DAMAGED, OSError) as error:
        # Of damaged data bz2 raises an OSError too, without a number.
        if isinstance(error, OSError) and error.errno is not None:
            remedy = f"cannot be read ({error.strerror}); check the path and permissions"
        else:
            remedy = f"is a damaged .npz archive, or none ({brief(error)}); make or copy it again"
        raise DataError(f"{path} {remedy}") from error


def list_members(path: Path) -> dict[str, Member]:
    """The arrays of an archive by name. What is no array is passed by.

    Raises:
        DataError: If the archive is damaged, or a header does not fit the bytes that follow it.
    """
    with opened(path) as archive:
        arrays = [info for info in archive.infolist() if info.filename.endswith(".npy")]
        return {info.filename.removesuffix(".npy"): _member(archive, info, path) for info in arrays}


def read_all(path: Path) -> dict[str, np.ndarray]:
    """The arrays of an archive that holds nothing else, each as a whole.

    Raises:
        DataError: If it is damaged or too large, or a member is no array of plain elements.
    """
    with opened(path) as archive:
        other = next((name for name in archive.namelist() if not name.endswith(".npy")), None)
    if other is not None:
        raise DataError(f"{path} needs arrays and nothing else, but {brief(other)} is no array")
    members = list_members(path)
    check_sizes(*members.values())
    return {name: read(member) for name, member in members.items()}


def read(member: Member) -> np.ndarray:
    """A member as a whole, of plain elements.

    Raises:
        DataError: If it is damaged, too large, or made of objects, which are never unpickled.
    """
    check_sizes(member)
    with opened(member.path) as archive, archive.open(f"{member.name}.npy") as file:
        return np.lib.format.read_array(file, allow_pickle=False)


def content(member: Member) -> bytes:
    """The bytes of a member after its header: of objects, a pickle.

    Raises:
        DataError: If it is damaged or too large.
    """
    check_sizes(member)
    with opened(member.path) as archive, archive.open(f"{member.name}.npy") as file:
        file.read(member.offset)
        return file.read()


def check_sizes(*members: Member) -> None:
    """Refuse members of one archive that would be too large together, if read as a whole.

    Raises:
        DataError: If they have more than 16 MiB and 100 times the bytes of the archive.
    """
    needed = sum(member.size for member in members)
    if not needed:
        return
    path = members[0].path
    most = _ALWAYS + _RATIO * path.stat().st_size
    if needed > most:
        what = members[0].title if len(members) == 1 else str(path)
        raise DataError(
            f"{what} would have {needed} bytes once decompressed, where an archive of this size may have "
            f"{most}; it is damaged or was made to fill the memory: make it again, uncompressed if need be"
        )


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> Member:
    name = info.filename.removesuffix(".npy")
    if len(name) > _LONGEST_NAME:
        raise DataError(f"{path} has an array with a name of {len(name)} letters; give it a shorter one")
    with archive.open(info) as file:
        version = np.lib.format.read_magic(file)
        if version not in ((1, 0), (2, 0)):
            raise DataError(f"{name!r} in {path} is a .npy of version {version}; save it with a plain dtype")
        header = (
            np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        )
        shape, fortran, dtype = header(file)
        offset = file.tell()
    if any(side < 0 for side in shape):
        raise DataError(
            f"{name!r} in {path} has a header of shape {brief(shape)}; make or copy the archive again"
        )
    # The length of a pickle says nothing about the shape, nor do elements of no bytes.
    whole = offset + math.prod(shape) * dtype.itemsize
    if not dtype.hasobject and (info.file_size != whole or not dtype.itemsize):
        raise DataError(
            f"{name!r} in {path} is not as long as its header says; make or copy the archive again"
        )
    return Member(path, name, dtype, shape, offset, info.file_size, fortran)
