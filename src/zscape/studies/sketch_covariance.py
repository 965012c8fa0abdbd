"""The study sketch-covariance: drawings by a recurrent autoencoder whose latents are pushed apart."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from zscape.studies import sketch_measures as measures
from zscape.studies import sketch_page
from zscape.studies.keeping import fitted, remembered
from zscape.studies.order import Order
from zscape.studies.pool import Told, fits_done
from zscape.studies.sketch_evidence import Evidence, Model
from zscape.studies.sketch_fits import (
    FORMS,
    Fit,
    Scale,
    Setting,
    grid,
    last_model,
    loaded,
    seconds,
    wanted,
)
from zscape.studies.sketch_measures import Subject

# Beside the published weights, at which little is left in the codes to be decorrelated, weaker ones of forms
# that codes do not escape by being small.
_WEAK = (
    Setting("correlation", 0.001),
    Setting("identity", 0.001),
    Setting("means", 0.00001),
    Setting("means", 0.0001),
    Setting("means", 0.0003),
    Setting("means", 0.001),
)
_WHOLE = (*grid(*FORMS, weights=(0.5, 1.0, 2.0)), *_WEAK)
_FEW = grid("paper", "unbiased", weights=(1.0,))
SCALES = {
    "smoke": Scale(grids={"doodles": (*grid("paper", weights=(0.5, 2.0)), Setting("unbiased", 2.0))},
                   data="{}:count=400", seeds=(0, 1), encoder=16, decoder=32, latent=8, mixtures=5, steps=40,
                   workers=1, pictured=False),
    "cpu": Scale(grids={"cat": _WHOLE, "face": _FEW, "alarm clock": _FEW, "eye": _FEW},
                 data="quickdraw:{}", seeds=(0, 1, 2), encoder=64, decoder=128, latent=128, mixtures=20,
                 steps=2000, workers=2),
    "paper": Scale(grids=dict.fromkeys(("cat", "butterfly", "yoga", "owl"), _WHOLE),
                   data="quickdraw:{}", seeds=(0, 1, 2), encoder=128, decoder=512, latent=128, mixtures=20,
                   steps=5000, workers=4),
}  # fmt: skip
_KEEPING = 1  # raised when what is measured changes, so that nothing older is used again


def make(order: Order) -> Path:
    """Fit, measure and write the page; see `zscape.studies.run`."""
    scale = SCALES[order.scale]
    # Read before anything is written, so that what is missing is told at once.
    data = {category: loaded(order, scale, category) for category in scale.grids}
    fits = {
        fit.name: fit
        for category, settings in scale.grids.items()
        for setting in settings
        for seed in scale.seeds
        for fit in [Fit(category, setting, seed)]
    }
    costs = {name: seconds(fit, scale, data[fit.category]) for name, fit in fits.items()}
    # Processes are told nothing but their work; a function cannot be sent to them.
    silent = replace(order, watch=None)
    jobs = {name: partial(_fitted_and_measured, silent, scale, fit) for name, fit in fits.items()}
    found = fits_done(order, jobs, costs, workers=scale.workers)
    models = [Model(fit.category, fit.setting, fit.seed, found[name]) for name, fit in fits.items()]
    return sketch_page.page(Evidence(order, scale, data, models)).write()


def _fitted_and_measured(order: Order, scale: Scale, fit: Fit, told: Told) -> dict[str, Any]:
    """One model, found, gone on with or fitted, and what was measured on it, kept or new."""
    data = loaded(order, scale, fit.category)
    run = fitted(order.models, wanted(fit, scale, data), data, lambda share, words: told(0.9 * share, words))
    told(0.9, "measured")
    weights = measures.network_file(order.data_dir) if scale.pictured else None
    settings = {
        "keeping": _KEEPING,
        "weights": hashlib.sha256((run.path / "last.safetensors").read_bytes()).hexdigest()[:16],
        "data": data.fingerprint,
        "setting": asdict(fit.setting),
        "seed": fit.seed,
        "pictured": weights is not None,
    }
    return remembered(
        order.kept / f"{fit.name}.json",
        settings,
        lambda: measures.measured(
            Subject.of(last_model(run), data, fit.seed), fit.setting, measures.picture_features(weights)
        ),
        commit=order.commit,
    )
