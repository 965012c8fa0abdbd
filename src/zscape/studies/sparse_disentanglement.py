"""The study sparse-disentanglement: do sparse codes and a perceptual loss disentangle, and at what cost."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from zscape import measure, npz
from zscape.base import code_arrays
from zscape.data import Images
from zscape.files import whole_file
from zscape.run import Run
from zscape.studies import sparse_measures as measures
from zscape.studies import sparse_page
from zscape.studies.keeping import fitted, remembered
from zscape.studies.order import Order
from zscape.studies.pool import Told, fits_done
from zscape.studies.sparse_evidence import Evidence
from zscape.studies.sparse_fits import BOTH, KINDS, PERCEPTUAL, VAE, Fit, Scale, loaded, reader_of, wanted

_VGG = ("relu1_2", "relu2_2", "relu3_3")
_SQUEEZENET = ("relu1", "fire3", "fire5")
SCALES = {
    "smoke": Scale(data="sprites:size=16,scales=3,orientations=3,positions=5", seeds=(0, 1),
                   channels=(8, 16), dense=64, latent=5, epochs=12, batch=32, rate=4e-3, sparsity=0.1,
                   perceptual=100.0, network="squeezenet", layers=("relu1",), trained=False, critic=(16, 2),
                   capacity=6.0, rows=(200, 100), workers=1),
    "cpu": Scale(data="dsprites-thinned", seeds=(0, 1, 2), channels=(16, 32, 32, 64), dense=128, latent=10,
                 epochs=14, batch=64, rate=1e-3, sparsity=0.5, perceptual=1000.0, network="squeezenet",
                 layers=_SQUEEZENET, trained=True, critic=(256, 3), capacity=25.0, rows=(10_000, 5_000),
                 workers=2, bf16=True),
    "paper": Scale(data="dsprites", seeds=(0, 1, 2, 3, 4), channels=(32, 32, 64, 64), dense=256, latent=10,
                   epochs=30, batch=64, rate=5e-4, sparsity=0.5, perceptual=1000.0, network="vgg16",
                   layers=_VGG, trained=True, critic=(1000, 6), capacity=25.0, rows=(10_000, 5_000),
                   workers=1, bf16=True),
}  # fmt: skip
_KEEPING = 2  # raised when what is measured changes, so that nothing older is used again
# What a step costs beside one of the plain VAE, for the estimate of the time that is left.
_DEARER = {PERCEPTUAL: 2.0, BOTH: 2.0}


def make(order: Order) -> Path:
    """Fit, measure and write the page; see `zscape.studies.run`."""
    scale = SCALES[order.scale]
    # Read before anything is written, so that what is missing is told at once.
    data, reader = loaded(order, scale), reader_of(order, scale)
    fits = {fit.name: fit for kind in KINDS for seed in scale.seeds for fit in [Fit(kind, seed)]}
    # Of the plain VAE, whose objective needs no network to be read.
    plain = wanted(order, Fit(VAE, 0), scale, data)
    costs = {
        name: _DEARER.get(fit.kind, 1.0) * replace(plain, name=name).seconds(order.models, data) + 10.0
        for name, fit in fits.items()
    }
    # Processes are told nothing but their work; a function cannot be sent to them.
    silent = replace(order, watch=None)
    jobs = {name: partial(_fitted_and_measured, silent, scale, fit) for name, fit in fits.items()}
    found = fits_done(order, jobs, costs, workers=scale.workers)
    measured = {(fit.kind, fit.seed): found[name] for name, fit in fits.items()}
    for kind in KINDS:
        models = [_test_codes(order, Fit(kind, seed), data) for seed in scale.seeds]
        for seed, agreement in zip(scale.seeds, measure.udr(models), strict=True):
            measured[kind, seed] = {**measured[kind, seed], agreement.name: agreement.value}
    return sparse_page.page(Evidence(order, scale, data, reader.description, measured)).write()


def _test_codes(order: Order, fit: Fit, data: Images) -> tuple[np.ndarray, np.ndarray]:
    """Means and log variances of test pictures, by which models are compared; kept by the hash of weights."""
    run = Run(order.models / fit.name)
    path = _test_file(order, fit, run)
    if not path.is_file():
        _keep_test_codes(path, measures.Subject.of(run, data, fit.seed))
    found = npz.read_all(path)
    return found["mean"], found["logvar"]


def _keep_test_codes(path: Path, subject: measures.Subject) -> None:
    mean, logvar = code_arrays(subject.test)
    with whole_file(path) as temporary:
        np.savez(temporary, mean=mean, logvar=np.zeros_like(mean) if logvar is None else logvar)


def _test_file(order: Order, fit: Fit, run: Run) -> Path:
    return order.kept / f"{fit.name}-{_digest(run)}.npz"


def _digest(run: Run) -> str:
    return hashlib.sha256((run.path / "last.safetensors").read_bytes()).hexdigest()[:16]


def _fitted_and_measured(order: Order, scale: Scale, fit: Fit, told: Told) -> dict[str, Any]:
    """One model, found, gone on with or fitted, and what was measured on it, kept or new."""
    data = loaded(order, scale)
    model = wanted(order, fit, scale, data)
    run = fitted(order.models, model, data, lambda share, words: told(0.9 * share, words))
    told(0.9, "measured")
    reader = reader_of(order, scale)
    settings = {
        "keeping": _KEEPING,
        "weights": _digest(run),
        "data": data.fingerprint,
        "fit": asdict(fit),
        "rows": scale.rows,
        "reader": reader.settings,
    }
    history = run.history()
    rates = history["samples_per_second"][history["split"] == "train"]

    def make() -> dict[str, Any]:
        subject = measures.Subject.of(run, data, fit.seed)
        _keep_test_codes(_test_file(order, fit, run), subject)
        return {
            **measures.measured(subject, reader, scale.rows),
            "samples per second": float(rates.mean()),
        }

    return remembered(order.kept / f"{fit.name}.json", settings, make, commit=order.commit)
