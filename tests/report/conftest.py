"""Run folders made by hand, as small as a report can be made from."""

import csv
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from pyarrow import parquet
from safetensors.torch import save_file

from zscape import codes, data
from zscape.base import Result
from zscape.model import Autoencoder
from zscape.run import Run

RESULTS = [
    Result("elbo", -98.765, -99.2, -98.3, 24, "nats", "a bound", seed=0),
    Result("active_units", 2.0, None, None, 24, "of 3 latents", "how many vary"),
    Result("ssim", 0.51234, 0.50, 0.52, 24, "", "structural similarity"),
]


def images(*, shape=(1, 8, 8), count=240, classes=4, names=(), factors=None, name="squares"):
    """A data set of noise with a bright square whose place is the class."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 60, (count, *shape), dtype=np.uint8)
    labels = np.arange(count) % max(classes, 1)
    for row, label in enumerate(labels):
        pixels[row, :, label % shape[1], :] = 250
    return data.from_arrays(pixels, labels if classes else None, names=names, factors=factors, name=name)


def doodles(*, count=60, classes=3, name="doodles"):
    """A data set of scribbles of up to twelve points, with lifts."""
    rng = np.random.default_rng(0)
    sketches = []
    for _ in range(count):
        points = rng.integers(3, 13)
        sketches.append(np.column_stack([rng.normal(size=(points, 2)), rng.random(points) < 0.3]))
    return data.from_sketches(sketches, np.arange(count) % classes if classes else None, name=name)


def spec_of(model, data_set, **changes):
    kl = {"term": "zscape.terms.divergence:kl", "weight": 1.0, "settings": {"free_bits": 0.5}}
    fit = {"term": "zscape.terms.reconstruction:negative_log_likelihood", "weight": 1.0, "settings": {}}
    return {
        "format": 1,
        "zscape": "0.1.0",
        "versions": {"torch": "2.0"},
        "data": {"name": data_set.name, "fingerprint": data_set.fingerprint},
        "model": model.to_spec(),
        "objective": {"reconstruction": fit, "kl": kl},
        "optimiser": {"rate": 0.001},
        "engine": {"devices": 1},
        "epochs": 3,
        "batch": 16,
        "seed": 7,
        **changes,
    }


def write_history(path: Path, rows=40):
    columns = ["step", "epoch", "split", "seconds", "total", "reconstruction", "kl", "rate"]
    columns += ["reconstruction.weight", "kl.weight", "samples_per_second"]
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        for row in range(1, rows + 1):
            split = "validation" if row % 10 == 0 else "train"
            value = 100 / row + 20
            speed = 900.0 if split == "train" else ""
            writer.writerow(
                [row, 1 + row // 14, split, row / 2, value + 3, value, 3.0, 0.001, 1.0, 1.0, speed]
            )


def write_samples(run: Run, count: int, meta: bytes):
    z = np.random.default_rng(1).normal(size=(count, run.model.latent)).astype(np.float32)
    table = pa.table({"id": np.arange(count), "code": codes.vectors(z)})
    parquet.write_table(table.replace_schema_metadata({b"zscape": meta}), run.samples_path)


@pytest.fixture
def make(tmp_path):
    """Make a run folder and its data: make(latent=..., classes=..., only=(parts to write), ...)."""

    def made(
        *, latent=3, stochastic=True, samples=5, drawings=False,
        only=("history", "weights", "codes", "samples", "results"),
        meta=b'{"density": "StandardNormal", "seed": 3}', run_name="run", spec=None, **data_settings,
    ):  # fmt: skip
        data_set = doodles(**data_settings) if drawings else images(**data_settings)
        torch.manual_seed(0)
        if drawings:
            sizes = {"encoder": 4, "decoder": 8, "mixtures": 2}
            model = Autoencoder.lstm(data_set.shape, latent=latent, stochastic=stochastic, **sizes)
        else:
            model = Autoencoder.mlp(data_set.shape, latent=latent, widths=(12,), stochastic=stochastic)
        path = tmp_path / run_name
        path.mkdir()
        (path / "spec.json").write_text(json.dumps(spec_of(model, data_set, **(spec or {}))))
        if "history" in only:
            write_history(path / "history.csv")
        if "weights" in only:
            save_file(model.state_dict(), path / "weights.safetensors")
            np.savez(path / "splits.npz", **data_set.splits)
        run = Run(path)
        if "codes" in only:
            codes.save(codes.encode(run.model, data_set), run.codes_path)
        if "samples" in only:
            write_samples(run, samples, meta)
        if "results" in only:
            run.record(RESULTS)
        return run, data_set

    return made
