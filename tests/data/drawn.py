"""Small drawings and the files that hold them, written as the makers of the formats write them."""

import json
import pickle
import struct
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np


def sketches(count: int, *, seed: int = 0, dtype: type = np.int16) -> list[np.ndarray]:
    """Random drawings of stroke-3 of 3 to 30 points, the first offset never nothing."""
    generator = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        points = generator.integers(-40, 40, (generator.integers(3, 30), 3))
        points[:, 2] = generator.random(len(points)) < 0.2
        points[0, 0], points[-1, 2] = 7, 1
        made.append(points.astype(dtype))
    return made


def of_objects(rows: Sequence[object]) -> np.ndarray:
    """A numpy array of objects in one dimension, whatever the rows are."""
    array = np.empty(len(rows), dtype=object)
    for number, row in enumerate(rows):
        array[number] = row
    return array


def write_archive(path: Path, *, protocol: int = 4, **arrays: Sequence[object]) -> Path:
    """An .npz of arrays of objects, pickled in the protocol asked for."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, rows in arrays.items():
            with archive.open(f"{name}.npy", "w") as file:
                header = {"descr": "|O", "fortran_order": False, "shape": (len(rows),)}
                np.lib.format.write_array_header_1_0(file, header)
                file.write(pickle.dumps(of_objects(rows), protocol=protocol))
    return path


def write_ndjson(path: Path, drawings: Sequence[Sequence[Sequence]], words: Sequence[str]) -> Path:
    """A line a drawing; a stroke is [x, y] or [x, y, t]."""
    lines = [
        json.dumps({"word": word, "recognized": number % 2 == 0, "key_id": str(number), "drawing": drawing})
        for number, (drawing, word) in enumerate(zip(drawings, words, strict=True))
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def write_binary(path: Path, drawings: Sequence[Sequence[Sequence]]) -> Path:
    """The published layout, field by field."""
    with path.open("wb") as file:
        for number, drawing in enumerate(drawings):
            file.write(struct.pack("<Q", number) + b"US" + struct.pack("<bIH", 1, 1488000000, len(drawing)))
            for x, y in drawing:
                file.write(struct.pack(f"<H{len(x)}B{len(y)}B", len(x), *x, *y))
    return path
