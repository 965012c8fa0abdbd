"""Fetching what can be fetched: by hash, with progress, and resumed where a broken download left off."""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pooch

from zscape.data.entries import File, catalogue, entry
from zscape.data.store import is_there
from zscape.data.stroke_archives import check_archive
from zscape.errors import DownloadError
from zscape.folders import places

# Called with the file's name, the bytes there are, and the bytes there will be (0 where the server does not
# say).
Progress = Callable[[str, int, int], None]
_CHUNK = 2**16
_PARTIAL, _WHOLE, _PAST_THE_END = 206, 200, 416


def fetch(
    name: str, *, data_dir: str | os.PathLike[str] | None = None, progress: Progress | None = None
) -> Path:
    """Download the files of a known data set that are not there yet, and check each by its published hash.

    Of the archives of Quick, Draw! no hash is published: they are checked by their length, as the server
    gives it, and by the checksums that an archive holds of each of its parts. That tells a broken file, not
    another one.

    A download that breaks off leaves what came in a file ending in .part; the next call asks for the rest.
    Files are in place whole and checked, or not at all.

    Args:
        name: Of the catalogue; quickdraw with its categories, as in "quickdraw:cat,alarm clock".
        data_dir: The data folder to write to. By default ZSCAPE_DATA, if it is set and can be written, and
            otherwise the user's cache.
        progress: Called as bytes arrive with the file's name, the bytes so far and the total.

    Returns:
        The file or folder of the data set.

    Raises:
        DataError: If the name is unknown.
        DownloadError: If it cannot be fetched, breaks off, or is not the published file.
    """
    wanted = entry(name)
    if not wanted.path:
        raise DownloadError(f"{name} needs no download; load it as it is")
    if not wanted.fetchable:
        known = ", ".join(e.example or e.name for e in catalogue() if e.fetchable or e.example)
        raise DownloadError(
            f"{name} has no address to fetch it from, only these have: {known}; copy it by hand"
        )
    folder = _target(data_dir)
    for file in wanted.files:
        _fetch_file(file, folder / file.path, progress)
    return folder / wanted.path


def hash_matches(path: Path, hashes: tuple[str, ...]) -> bool:
    """Whether a file has one of the given hashes, each written algorithm:hexdigest."""
    return any(
        pooch.file_hash(str(path), alg=algorithm) == digest
        for algorithm, _, digest in (known.partition(":") for known in hashes)
    )


def _fault(path: Path, hashes: tuple[str, ...]) -> str | None:
    """Why a file is not the published one, or, where no hash is published, why it is no whole archive."""
    if not hashes:
        return check_archive(path)
    return None if hash_matches(path, hashes) else f"needed {hashes[0]}"


def _target(data_dir: str | os.PathLike[str] | None) -> Path:
    folders = places(data_dir)
    if data_dir is not None:
        return folders[0]
    return next((folder for folder in folders if os.access(folder, os.W_OK)), folders[-1])


def _fetch_file(file: File, target: Path, progress: Progress | None) -> None:
    if is_there(target):
        fault = _fault(target, file.hashes)
        if fault is not None:
            raise DownloadError(
                f"{target} exists but is not the published file ({fault}); move it away and fetch again"
            )
        return
    if file.url is None:
        raise DownloadError(f"{file.path} has no address to fetch it from; copy it by hand")
    part = target.with_name(target.name + ".part")
    # A part can be whole already, if the fetch was killed between its last byte and its hash.
    if not (part.exists() and _fault(part, file.hashes) is None):
        _download(file.url, part, target, progress)
    fault = _fault(part, file.hashes)
    if fault is not None:
        part.unlink()
        raise DownloadError(
            f"{file.url} is not the published file ({fault}) and was deleted; fetch again, or copy the file "
            f"to {target} by hand"
        )
    part.replace(target)


def _download(url: str, part: Path, target: Path, progress: Progress | None) -> None:
    with _explained(url, target):
        target.parent.mkdir(parents=True, exist_ok=True)
        with part.open("ab") as stream:
            _Transfer(stream, target.name, progress).run(url)


class _Transfer:
    """One request that appends to a file; stands in for the progress bar that pooch drives."""

    def __init__(self, stream: BinaryIO, name: str, progress: Progress | None) -> None:
        self._stream = stream
        self._name = name
        self._progress = progress
        self._offset = stream.tell()
        self.total = 0  # set by pooch: bytes of this response

    def run(self, url: str) -> None:
        # Without "identity" a server may zip what is zipped already, and lengths would count other bytes.
        headers = {"Accept-Encoding": "identity"}
        if self._offset:
            headers["Range"] = f"bytes={self._offset}-"
        download = pooch.HTTPDownloader(
            progressbar=self,  # type: ignore[arg-type] (any object with the methods of a bar, says its manual)
            chunk_size=_CHUNK,
            headers=headers,
            hooks={"response": self._begin},
        )
        download(url, self._stream, None)
        came, needed = self._stream.tell(), self._offset + self.total
        if self.total and came < needed:
            raise DownloadError(
                f"{url} broke off after {came} of {needed} bytes; fetch again to go on from there"
            )

    def _begin(self, response: Any, **_: object) -> None:  # noqa: ANN401 (what requests gives, whole or not)
        """Start over where the server sends the whole file, or has nothing past what is here."""
        if response.status_code in (_WHOLE, _PAST_THE_END):
            self._stream.seek(0)
            self._stream.truncate()
            self._offset = 0

    def update(self, _: int) -> None:
        if self._progress is not None:
            self._progress(self._name, self._stream.tell(), self._offset + self.total if self.total else 0)

    def reset(self) -> None:
        """Pooch empties its bar before it fills it for good; bytes written speak for themselves."""

    def close(self) -> None:
        """Nothing is held."""


@contextlib.contextmanager
def _explained(url: str, target: Path) -> Iterator[None]:
    # Everything that requests raises is an OSError, and so is a full disk.
    try:
        yield
    except OSError as error:
        status = getattr(getattr(error, "response", None), "status_code", None)
        part = target.with_name(target.name + ".part")
        if part.exists() and part.stat().st_size == 0:
            part.unlink()
        reason = f"the server answered {status}" if status else str(error)
        raise DownloadError(
            f"{url} could not be fetched ({reason}); fetch again to go on from where it stopped, or copy the "
            f"file to {target} by hand"
        ) from error
