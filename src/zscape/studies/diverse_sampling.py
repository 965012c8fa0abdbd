"""The study diverse-sampling: sets drawn as a whole (A1, A2) beside independent draws.

References:
    Turinici, Diversity in deep generative models and generative AI, 2022 (arXiv 2202.09573).
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from zscape import data as datasets
from zscape import recipes
from zscape.data import Images
from zscape.judge import Judge
from zscape.model import Autoencoder
from zscape.run import Run
from zscape.studies import diverse_measures as measures
from zscape.studies import diverse_page
from zscape.studies.diverse_measures import Bench, Scale, Subject
from zscape.studies.keeping import Wanted, digest_of, fitted, judge_of, remembered
from zscape.studies.order import Order, Plan

SCALES = {
    "smoke": Scale(data="digits", widths=(128, 128), epochs=25, batch=64, rate=5e-3, seeds=(0, 1, 2),
                   draws=4, adam=(1, 500), judge=(1437, 6), baselines=1, starts=8, dimensions=(2, 20)),
    "cpu": Scale(data="mnist", widths=(784,) * 5, epochs=30, batch=128, rate=1e-3, seeds=(0, 1, 2),
                 draws=20, adam=(3, 10_000), judge=(20_000, 3), baselines=5, starts=50,
                 dimensions=(2, 20, 128)),
    "paper": Scale(data="mnist", widths=(784,) * 5, epochs=100, batch=128, rate=1e-3,
                   seeds=(0, 1, 2, 3, 4), draws=100, adam=(10, 10_000), judge=(50_000, 10), baselines=20,
                   starts=50, dimensions=(2, 20, 128)),
}  # fmt: skip
_KEEPING = 1  # raised when what is measured changes, so that nothing older is used again


def make(order: Order) -> Path:
    """Fit, measure and write the page; see `zscape.studies.run`."""
    scale = SCALES[order.scale]
    data = datasets.load_images(scale.data, data_dir=order.data_dir)
    asked = [_wanted(data, scale, seed) for seed in scale.seeds]
    rows = len(data.splits["train"])
    costs = {each.name: each.seconds(order.models, data) for each in asked}
    costs |= {"judge": 1e-3 * scale.judge[0] * scale.judge[1]}
    for each in asked:
        kept = (order.kept / f"{each.name}.json").is_file()
        costs[f"measure {each.name}"] = 0.0 if kept else 2.0 + 1.5e-4 * rows * scale.draws
        kept = _expected_path(order, each.name).is_file()
        costs[f"independent draws, {each.name}"] = 0.0 if kept else 4e-9 * rows**2
    costs |= {f"radii in {latent} dimensions": 0.2 * scale.draws for latent in scale.dimensions}
    plan = Plan(costs, order.watch)
    runs = []
    for each in asked:
        with plan.part(each.name) as told:
            runs.append(fitted(order.models, each, data, told))
    with plan.part("judge"):
        judge = _judge(order, scale, data)
    models, expected = [], []
    for each, run in zip(asked, runs, strict=True):
        with plan.part(f"measure {each.name}") as told:
            models.append(_measured(order, scale, data, run, judge, each.seed, told))
        with plan.part(f"independent draws, {each.name}"):
            expected.append(_expected(order, scale, run, each.seed))
    radii = {}
    for latent in scale.dimensions:
        with plan.part(f"radii in {latent} dimensions"):
            radii[latent] = [_radii(order, scale, latent, seed) for seed in scale.seeds]
    deep = _deep(order, scale, data, judge)
    accuracy = _accuracy(judge, data)
    found = diverse_page.Evidence(order, scale, data, runs, models, expected, radii, deep, accuracy)
    return diverse_page.page(found).write()


def _wanted(data: Images, scale: Scale, seed: int) -> Wanted:
    return Wanted(
        name=f"vae-2-seed-{seed}",
        build=lambda: Autoencoder.mlp(data.shape, latent=2, widths=scale.widths, activation=nn.ReLU),
        objective=recipes.vae(),
        epochs=scale.epochs,
        batch=scale.batch,
        seed=seed,
        rate=scale.rate,
    )


def _judge(order: Order, scale: Scale, data: Images) -> Judge:
    """A classifier of real training pictures: it tells what a decoded picture looks like."""
    rows, epochs = scale.judge
    settings = {"data": data.fingerprint, "rows": rows, "epochs": epochs}

    def train() -> Judge:
        chosen = np.random.default_rng(0).permutation(data.splits["train"])[:rows]
        return Judge.fit(*measures.pictures(data, chosen), epochs=epochs, batch=128, seed=0)

    return judge_of(order.kept / "judge.safetensors", settings, train, commit=order.commit)


def _accuracy(judge: Judge, data: Images) -> float:
    images, labels = measures.pictures(data, data.splits["test"])
    return float((judge(images).argmax(axis=1) == labels).mean())


def _measured(
    order: Order, scale: Scale, data: Images, run: Run, judge: Judge, seed: int, told: measures.Told
) -> dict[str, Any]:
    settings = {"keeping": _KEEPING, "weights": digest_of(run), "scale": asdict(scale), "seed": seed}
    return remembered(
        order.kept / f"{run.path.name}.json",
        settings,
        lambda: measures.measured(Bench(Subject.of(run, seed), judge), scale, data, told),
        commit=order.commit,
    )


def _expected(order: Order, scale: Scale, run: Run, seed: int) -> dict[str, float]:
    """What a set of independent draws is expected to come to, of one model."""
    settings = {"weights": digest_of(run), "count": scale.count, "seed": seed}
    path = _expected_path(order, run.path.name)
    return remembered(
        path, settings, lambda: measures.expected(Subject.of(run, seed), scale.count), commit=order.commit
    )


def _expected_path(order: Order, model: str) -> Path:
    return order.kept / f"expected-{model}.json"


def _radii(order: Order, scale: Scale, latent: int, seed: int) -> measures.Measured:
    settings = {"keeping": _KEEPING, "scale": asdict(scale), "latent": latent, "seed": seed}
    path = order.kept / f"radii-{latent}-seed-{seed}.json"
    return remembered(path, settings, lambda: measures.radii(latent, scale, seed), commit=order.commit)


def _deep(order: Order, scale: Scale, data: Images, judge: Judge) -> dict[int, measures.Measured]:
    """What sets decode to with twenty latents, by seed, where class-generation has such models."""
    models = order.out.parent.parent / "class-generation" / order.out.name / "models"
    found = {}
    for seed in scale.seeds:
        path = models / f"elbo-20-seed-{seed}"
        # Written when a fit is done.
        if not (path / "last.safetensors").is_file():
            continue
        run = Run(path)
        if run.spec["data"]["fingerprint"] != data.fingerprint:
            continue
        settings = {"keeping": _KEEPING, "weights": digest_of(run), "scale": asdict(scale), "seed": seed}
        found[seed] = remembered(
            order.kept / f"{path.name}.json",
            settings,
            lambda run=run, seed=seed: measures.deep(run, judge, scale, seed),
            commit=order.commit,
        )
    return found
