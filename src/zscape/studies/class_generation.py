"""The study class-generation: new pictures of a class, from statistics of the codes of each class."""

from __future__ import annotations

import itertools
from dataclasses import asdict
from pathlib import Path
from typing import Any

from zscape import codes as tables
from zscape import data as datasets
from zscape import recipes
from zscape.data import Images
from zscape.judge import Judge
from zscape.model import Autoencoder
from zscape.run import Run
from zscape.studies import class_measures as measures
from zscape.studies import class_page
from zscape.studies.class_evidence import KINDS, Evidence, Model
from zscape.studies.class_measures import Scale, Subject
from zscape.studies.keeping import Wanted, digest_of, fitted, judge_of, remembered
from zscape.studies.order import Order, Plan

SCALES = {
    "smoke": Scale(data="digits", widths=(128,), latents=(10,), epochs=25, seeds=(0, 1), judge=(700, 6),
                   count=20, fresh=30, weights=(1.0, 10.0), batch=64, rate=5e-3, mmd=80.0),
    "cpu": Scale(data="mnist", widths=(500, 500), latents=(2, 10, 20), epochs=30, seeds=(0, 1, 2),
                 judge=(26_000, 3), count=100, fresh=200, weights=(1.0, 5.0, 20.0), components=10),
    "paper": Scale(data="mnist", widths=(500, 500), latents=(2, 10, 20), epochs=100, seeds=(0, 1, 2, 3, 4),
                   judge=(26_666, 10), count=200, fresh=1000, weights=(1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 30.0),
                   components=10),
}  # fmt: skip
_KEEPING = 2  # raised when what is measured changes, so that nothing older is used again


def make(order: Order) -> Path:
    """Fit, measure and write the page; see `zscape.studies.run`."""
    scale = SCALES[order.scale]
    data = datasets.load_images(scale.data, data_dir=order.data_dir)
    settings = list(itertools.product(scale.latents, KINDS, scale.seeds))
    asked = [_wanted(data, scale, kind, latent, seed) for latent, kind, seed in settings]
    costs = {each.name: each.seconds(order.models, data) for each in asked}
    for each in asked:
        kept = any(order.kept.glob(f"{each.name}-*/measured.json"))
        costs[f"measure {each.name}"] = 0.0 if kept else _seconds(scale, data)
    plan = Plan(costs, order.watch)
    models = []
    for each, (latent, kind, seed) in zip(asked, settings, strict=True):
        with plan.part(each.name) as told:
            run = fitted(order.models, each, data, told)
        with plan.part(f"measure {each.name}") as told:
            subject, result = _measured(order, scale, data, run, seed, told)
        models.append(Model(kind, latent, seed, subject, result))
    return class_page.page(Evidence(order, scale, data, models)).write()


def _wanted(data: Images, scale: Scale, kind: str, latent: int, seed: int) -> Wanted:
    objective = recipes.mmd_vae(scale.mmd) if kind == "mmd" else recipes.vae()
    return Wanted(
        name=f"{kind}-{latent}-seed-{seed}",
        build=lambda: Autoencoder.mlp(data.shape, latent=latent, widths=scale.widths),
        objective=objective,
        epochs=scale.epochs,
        batch=scale.batch,
        seed=seed,
        rate=scale.rate,
    )


def _seconds(scale: Scale, data: Images) -> float:
    """About how long judges, tuning and scores of one model take on one thread."""
    pixels = data.shape[1] * data.shape[2]
    judged = 2 * 3 * scale.judge[0] * scale.judge[1]
    curves = 10 * scale.fresh * (3 * len(measures.THETAS) + len(measures.CUTS))
    tuned = 10 * scale.count * (3 * 41 + len(scale.weights) * 250)
    return (judged + 2 * curves + tuned) * pixels * 6e-7


def _measured(
    order: Order, scale: Scale, data: Images, run: Run, seed: int, told: measures.Told
) -> tuple[Subject, dict[str, Any]]:
    digest = digest_of(run)
    folder = order.kept / f"{run.path.name}-{digest}"
    train = tables.load(run.codes_path).of("train")
    rows, epochs = scale.judge
    judges: dict[str, Judge] = {}
    parts = zip(
        ("tuning", "scoring"), measures.halves(train, seed, rows), (2 * seed, 2 * seed + 1), strict=True
    )
    for name, half, own in parts:
        told(0.0, f"{name} judge")
        settings = {"weights": digest, "rows": len(half), "epochs": epochs, "bf16": True, "seed": own}
        judges[name] = judge_of(
            folder / f"{name}-judge.safetensors",
            settings,
            lambda half=half, own=own: measures.train_judge(run, train, half, epochs=epochs, seed=own),
            commit=order.commit,
        )
    subject = Subject(run, train, judges["tuning"], judges["scoring"], seed)
    settings = {"keeping": _KEEPING, "scale": asdict(scale), "seed": seed}
    result = remembered(
        folder / "measured.json",
        settings,
        lambda: measures.measured(
            subject, scale, data, folder, lambda share, words: told(0.2 + 0.8 * share, words)
        ),
        commit=order.commit,
    )
    return subject, result
