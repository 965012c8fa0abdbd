"""Files and folders that are whole or absent: written to a temporary name beside the target, then renamed."""

import contextlib
import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

_TEMPORARY = ".zscape."


@contextlib.contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it onto `path` if the block ends without an error.

    A reader sees the old file or the new one, never a part of either, also after SIGKILL or a full disk.

    Args:
        path: The file to write; its folder is made if missing.

    Yields:
        The temporary path to write to, with the same suffix as `path`.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(
        prefix=f"{_TEMPORARY}{target.stem}.", suffix=target.suffix, dir=target.parent
    )
    os.close(handle)
    # mkstemp gives 0600; a run folder is shared like any other file of the user's.
    os.chmod(name, 0o666 & ~_umask())
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def whole_folder(path: str | os.PathLike[str], *, check: Callable[[Path], None]) -> Iterator[Path]:
    """Yield a new folder beside `path`; rename it onto `path` if the block ends without an error.

    A folder that was there is removed after that, not before: what it held is lost only where there is
    something in its place.

    Args:
        path: The folder to write.
        check: Called with `path` just before, as filling the folder may take a while; raises where what is
            there by then must stay.

    Yields:
        The folder to fill.
    """
    target = Path(path)
    whole = target.absolute()
    hidden, old = (
        whole.with_name(f"{_TEMPORARY}{whole.name}.{secrets.token_hex(4)}.{end}") for end in ("new", "old")
    )
    hidden.mkdir(parents=True)
    try:
        yield hidden
        check(target)
        if whole.exists():
            whole.replace(old)
        hidden.replace(whole)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(hidden, ignore_errors=True)


def remove_leftovers(folder: str | os.PathLike[str]) -> None:
    """Remove what a killed process left in `folder`, where nobody else may be writing."""
    for path in Path(folder).glob(f"{_TEMPORARY}*"):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write `text` to `path` as UTF-8, whole or not at all."""
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: str | os.PathLike[str], value: Any) -> None:  # noqa: ANN401 (JSON has no narrower type)
    """Write `value` to `path` as indented JSON, whole or not at all.

    Raises:
        ValueError: If `value` holds a number that is not finite.
    """
    write_text(path, json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False) + "\n")


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
