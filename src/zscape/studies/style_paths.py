"""The study style-paths: how codes of paintings are arranged, and what happens on paths between codes."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from zscape.data import Images
from zscape.errors import DivergedError
from zscape.run import Run
from zscape.studies import style_page, style_profiles, style_structure, style_views
from zscape.studies.keeping import fitted, remembered
from zscape.studies.order import Order
from zscape.studies.pool import Told, fits_done
from zscape.studies.sparse_measures import Subject
from zscape.studies.style_evidence import HELD_OUT, TRAINING, Evidence, parts_of
from zscape.studies.style_fits import (
    ACAI,
    AEAI,
    KINDS,
    PAINTINGS,
    VIEWS,
    Fit,
    Scale,
    Setting,
    Where,
    loaded,
    reader_of,
    wanted,
)
from zscape.studies.style_turns import turntable_of

SCALES = {
    "smoke": Scale(
        paintings=Setting("sprites:size=16,scales=4,orientations=24,positions=1", channels=(8, 16), dense=32,
                          latent=8, epochs=5, batch=16),
        views=Setting("sprites:size=16,scales=2,orientations=24,positions=1", channels=(8, 16), dense=32,
                      latent=6, epochs=12, batch=8),
        turn="orientation", seeds=(0, 1), rate=4e-3, network="squeezenet", trained=False, clusters=(4,),
        pairs=4, turns=1, permutations=3, iterations=4, workers=1,
    ),
    "cpu": Scale(
        paintings=Setting("paintings", channels=(32, 64, 128, 128), dense=256, latent=128, epochs=20,
                          batch=64, size=64),
        views=Setting("coil20", channels=(16, 32, 64, 64), dense=128, latent=32, epochs=80, batch=32),
        turn="angle", seeds=(0, 1, 2), rate=1e-3, network="vgg19", trained=True, clusters=(4, 5, 6, 7, 8),
        pairs=25, turns=3, permutations=20, iterations=30, workers=2, bf16=True,
    ),
    "paper": Scale(
        paintings=Setting("paintings", channels=(32, 64, 128, 256), dense=1024, latent=4096, epochs=200,
                          batch=64, size=64),
        views=Setting("coil20", channels=(32, 64, 128, 256), dense=256, latent=64, epochs=400, batch=32),
        turn="angle", seeds=(0, 1, 2, 3, 4), rate=5e-4, network="vgg19", trained=True,
        clusters=(4, 5, 6, 7, 8), pairs=100, turns=8, permutations=50, iterations=100, workers=1, bf16=True,
    ),
}  # fmt: skip
_KEEPING = 1  # raised when what is measured changes, so that nothing older is used again
# What a step costs beside one without a critic, and seconds of measuring: for the estimate of what is left.
_DEARER = {ACAI: 3.5, AEAI: 6.0}
_MEASURING = {PAINTINGS: 80.0, VIEWS: 60.0}


def make(order: Order) -> Path:
    """Fit, measure and write the page; see `zscape.studies.run`."""
    scale = SCALES[order.scale]
    # Read before anything is written, so that what is missing is told at once.
    places: tuple[Where, ...] = (PAINTINGS, VIEWS)
    data: dict[Where, Images] = {where: loaded(order, scale, where) for where in places}
    reader = reader_of(order, scale)
    fits = [Fit(where, kind, seed) for where in places for kind in KINDS for seed in scale.seeds]
    costs = {}
    for fit in fits:
        seconds = wanted(fit, scale, data[fit.where]).seconds(order.models, data[fit.where])
        costs[fit.name] = _DEARER.get(fit.kind, 1.0) * seconds + _MEASURING[fit.where]
    # Processes are told nothing but their work; a function cannot be sent to them.
    silent = replace(order, watch=None)
    jobs = {fit.name: partial(_fitted_and_measured, silent, scale, fit) for fit in fits}
    found = fits_done(order, jobs, costs, workers=scale.workers)
    measured: dict[tuple[Where, str, int], dict[str, Any]] = {
        (fit.where, fit.kind, fit.seed): found[fit.name] for fit in fits
    }
    return style_page.page(Evidence(order, scale, data, reader.description, measured)).write()


def _fitted_and_measured(order: Order, scale: Scale, fit: Fit, told: Told) -> dict[str, Any]:
    """One model, found, gone on with or fitted, and what was measured on it, kept or new."""
    data = loaded(order, scale, fit.where)
    run = fitted(order.models, wanted(fit, scale, data), data, lambda share, words: told(0.6 * share, words))
    told(0.6, "measured")
    weights = (run.path / "last.safetensors").read_bytes()
    settings = {
        "keeping": _KEEPING,
        "weights": hashlib.sha256(weights).hexdigest()[:16],
        "data": data.fingerprint,
        "fit": asdict(fit),
    }
    if fit.where == VIEWS:
        settings |= {"turns": scale.turns, "iterations": scale.iterations}
        make = partial(_of_views, scale, fit, run, data)
    else:
        reader = reader_of(order, scale).settings
        settings |= {"reader": reader, "clusters": scale.clusters, "pairs": scale.pairs}
        settings |= {"permutations": scale.permutations}
        make = partial(_of_paintings, order, scale, fit, run, data)
    return remembered(order.kept / f"{fit.name}.json", settings, make, commit=order.commit)


def _of_paintings(order: Order, scale: Scale, fit: Fit, run: Run, data: Images) -> dict[str, Any]:
    subject = _subject(run, data, fit)
    parts = parts_of(subject.codes)
    return {
        **{
            part: style_structure.structure(parts[part], scale, seed=fit.seed)
            for part in (TRAINING, HELD_OUT)
        },
        "profiles": style_profiles.profiles(
            subject, parts[HELD_OUT], reader_of(order, scale), pairs=scale.pairs
        ),
        "squared error": _squared_error(subject),
    }


def _of_views(scale: Scale, fit: Fit, run: Run, data: Images) -> dict[str, Any]:
    subject, table = _subject(run, data, fit), turntable_of(data, scale.turn)
    # The same pairs for all models, so that these can be compared pair by pair.
    pairs = table.pairs(scale.turns)
    return {
        "quality": style_views.quality(subject, table, pairs, iterations=scale.iterations),
        "squared error": _squared_error(subject),
    }


def _subject(run: Run, data: Images, fit: Fit) -> Subject:
    subject = Subject.of(run, data, fit.seed)
    if not np.ptp(subject.codes.mean, axis=0).any():
        raise DivergedError(
            f"paths need codes that differ, but those of {run.path} are all the same: its fit came to "
            "nothing; this scale needs a lower rate"
        )
    return subject


def _squared_error(subject: Subject) -> float:
    """Of reconstructions of test pictures, a mean over pixels."""
    test = subject.test
    return float(((subject.pictures(test.id) - subject.decoded(test.mean)) ** 2).mean())
