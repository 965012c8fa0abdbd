"""What `zscape data` does."""

from __future__ import annotations

import os
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

from PIL import Image

from zscape import data
from zscape.app import console
from zscape.files import whole_file
from zscape.model.weights import KNOWN, known_places


def show_all(data_dir: Path | None, *, as_json: bool) -> None:
    """Every known data set: where it is or how to come by it, and where was looked."""
    rows = []
    for entry in data.catalogue():
        found = data.find(entry.name, data_dir)
        other = None if found.path else _other_weights(entry.name, data_dir)
        file = found.path or other
        where = str(file) if file else "built in" if not entry.path else ""
        fetched = entry.example or (entry.name if entry.fetchable else "")
        fetchable = f"zscape data fetch {fetched}" if fetched else "copy it by hand"
        rows.append(
            {
                "name": entry.name,
                "summary": entry.summary,
                "licence": "as its source has it" if other else entry.licence,
                "where": where or f"not here: {fetchable}",
                "here": bool(where),
                "looked": [str(place) for place in found.looked],
            }
        )
    if as_json:
        console.show(rows)
        return
    console.table(
        ("name", "what it is", "where"), [(row["name"], row["summary"], row["where"]) for row in rows]
    )
    folders = [
        str(place).removesuffix(entry.path).rstrip(os.sep)
        for entry in data.catalogue()
        for place in data.find(entry.name, data_dir).looked
    ]
    console.tell("Looked in: " + ", ".join(dict.fromkeys(folders)))


def _other_weights(name: str, data_dir: Path | None) -> Path | None:
    """The file of weights that a network is read from, where that is not the one that can be fetched."""
    kind, _, network = name.partition(":")
    if kind != "network" or network not in KNOWN:
        return None
    return next((path for path in known_places(network, data_dir) if path.is_file()), None)


def show_one(
    name: str, out: Path | None, count: int, *, seed: int, options: dict[str, Any], as_json: bool
) -> None:
    """Write a contact sheet and say what is on it."""
    loaded = data.load(name, **options)
    sheet, caption = data.contact_sheet(loaded, count, seed=seed)
    # Names such as quickdraw:cat,pig are no file names everywhere.
    target = out or Path(re.sub(r"[^\w.-]+", "-", loaded.name) + "-sheet.png")
    with whole_file(target) as temporary:
        Image.fromarray(sheet).save(temporary)
    if as_json:
        splits = {split: len(rows) for split, rows in loaded.splits.items()}
        console.show({"picture": str(target), "caption": caption, "source": loaded.source, "splits": splits})
        return
    console.show(f"{caption}\nsource: {loaded.source}\npicture: {target}")


def check(name: str, *, size: int | None, labels: Path | None, data_dir: Path | None, as_json: bool) -> bool:
    """Say what is known of every file; gives whether all is well."""
    findings = data.check(name, data_dir=data_dir, size=size, labels=labels)
    if as_json:
        console.show([asdict(finding) for finding in findings])
    else:
        console.table(
            ("", "file", "finding"), [("ok" if f.good else "FAULT", f.path, f.note) for f in findings]
        )
    return all(finding.good for finding in findings)


def fetch(name: str, data_dir: Path | None) -> Path:
    """Download with progress."""
    with console.progress(f"fetch {name}") as told:
        return data.fetch(name, data_dir=data_dir, progress=lambda file, done, total: told(done, total, file))
