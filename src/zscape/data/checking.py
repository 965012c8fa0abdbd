"""Checking a data set file by file: is it there, is it the published one, does it read."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from zscape.data.download import hash_matches
from zscape.data.entries import Entry, catalogue, entry, find, is_network, located, located_categories
from zscape.data.folder import list_folder, read_picture
from zscape.data.idx import is_idx
from zscape.data.loading import load
from zscape.data.quickdraw import is_quickdraw
from zscape.data.stroke_archives import check_archive
from zscape.data.stroke_files import are_drawings, drawing_files, open_stroke_files
from zscape.errors import DataError
from zscape.folders import expanded


@dataclass(frozen=True)
class Finding:
    """What is known of one file, or of a whole data set.

    Attributes:
        path: The file or folder, as a string; the name for generated data.
        good: Whether nothing is wrong with it.
        note: What was found: a summary, or the fault and its remedy.
    """

    path: str
    good: bool
    note: str


def check(
    name: str | os.PathLike[str],
    *,
    data_dir: str | os.PathLike[str] | None = None,
    size: int | None = None,
    labels: str | os.PathLike[str] | None = None,
) -> tuple[Finding, ...]:
    """Look at every file of a data set, then load it as a fit would.

    Every picture or drawing of a folder that cannot be read is reported, not only the first. Cost: decodes
    everything once.

    Args:
        name: Of the catalogue, or a path.
        data_dir: The data folder to look in first.
        size: As for `load`.
        labels: As for `load`.

    Returns:
        A finding for each file known by hash and for each faulty one of a folder, and last one for the whole:
        a summary, or why it does not load.
    """
    name = os.fspath(name)
    if is_network(name):
        return _network(name, data_dir)
    known = next((each for each in catalogue() if each.name == name.partition(":")[0]), None)
    findings: list[Finding] = []
    where = name
    try:
        if is_quickdraw(name):
            findings += [_archive(path) for path in located_categories(name, data_dir).values()]
        elif known is None or known.path:
            path = located(name, data_dir)
            where = str(path)
            findings += _hashed(path, known) if known is not None else []
            findings += _faulty_drawings(path) if are_drawings(path) else _faulty_pictures(path, labels)
        findings.append(Finding(where, True, repr(load(name, data_dir=data_dir, size=size, labels=labels))))
    except DataError as error:
        told = any(each.note == str(error) for each in findings)
        findings.append(Finding(where, False, "does not load, see above" if told else str(error)))
    return tuple(findings)


def _network(name: str, data_dir: str | os.PathLike[str] | None) -> tuple[Finding, ...]:
    """A network is its file; there is nothing to load."""
    try:
        found, wanted = find(name, data_dir), entry(name)
    except DataError as error:
        return (Finding(name, False, str(error)),)
    if found.path is not None:
        return tuple(_hashed(found.path, wanted))
    looked = ", ".join(map(str, found.looked))
    note = f"was not found; looked at {looked}; get it with: zscape data fetch {name}"
    return (Finding(name, False, note),)


def _hashed(path: Path, known: Entry) -> list[Finding]:
    folder = Path(str(path).removesuffix(known.path))
    findings = []
    for file in known.files:
        here = folder / file.path
        if not here.is_file():
            unzipped = here.with_suffix("")
            note = "unzipped, not checked by hash" if unzipped.is_file() else "missing; fetch or copy it"
            findings.append(Finding(str(here), unzipped.is_file(), note))
        elif hash_matches(here, file.hashes):
            findings.append(Finding(str(here), True, "the published file"))
        else:
            note = (
                f"not the published file (needed {file.hashes[0]}); move it away and fetch or copy it again"
            )
            findings.append(Finding(str(here), False, note))
    return findings


def _archive(path: Path) -> Finding:
    fault = check_archive(path)
    whole = "whole by the checksums that it holds; no hash of it is published"
    return Finding(str(path), fault is None, whole if fault is None else f"{fault}; fetch or copy it again")


def _faulty_drawings(path: Path) -> list[Finding]:
    faults = ((file, _drawing_fault(file)) for file in drawing_files(path))
    return [Finding(str(file), False, fault) for file, fault in faults if fault is not None]


def _drawing_fault(path: Path) -> str | None:
    try:
        open_stroke_files(path)
    except DataError as error:
        return str(error)
    return None


def _faulty_pictures(path: Path, labels: str | os.PathLike[str] | None) -> list[Finding]:
    if not path.is_dir() or any(is_idx(file) for file in path.iterdir()):
        return []
    listed = list_folder(path, None if labels is None else expanded(labels))
    with ThreadPoolExecutor(max_workers=min(16, os.cpu_count() or 1)) as pool:
        faults = pool.map(_fault, listed.files)
    return [
        Finding(str(file), False, fault)
        for file, fault in zip(listed.files, faults, strict=True)
        if fault is not None
    ]


def _fault(path: Path) -> str | None:
    try:
        read_picture(path, grey=False)
    except DataError as error:
        return str(error)
    return None
