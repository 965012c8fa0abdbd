"""What the study sketch-covariance fits: the published objective in nats a drawing, in four forms."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import torch

from zscape import data as datasets
from zscape import recipes
from zscape.base import Objective, Weighted
from zscape.data import Strokes
from zscape.errors import DataError
from zscape.model import Autoencoder
from zscape.recipes import Form
from zscape.run import Run
from zscape.schedules import ExponentialApproach, ExponentialDecay
from zscape.studies.keeping import Wanted
from zscape.studies.order import Order
from zscape.terms import correlation, covariance

# As published: the points of a drawing, by which its reconstruction is divided; steps, and what a step does
# to what is left of the weight of the KL, and to the learning rate.
LENGTH, SHORTEST = 100, 11
STEPS, KL_FACTOR, RATE_FACTOR = 5000, 0.99999, 0.9999
KL_START, RATE, RATE_FLOOR, CLIP = 0.01, 1e-3, 1e-5, 1.0
BATCH = 32
# Without a penalty; with the distance of the aggregate posterior's covariance from the identity; and with the
# correlation of means alone, which codes cannot lower by being small beside the encoder's noise.
NONE, IDENTITY, MEANS = "none", "identity", "means"
PAPER: Form = "paper"
FORMS: tuple[Form, ...] = (PAPER, "unbiased", "memory", "correlation")


@dataclass(frozen=True)
class Setting:
    """A form of the penalty and its weight.

    Attributes:
        form: "paper", "unbiased", "memory", "correlation", "identity" or "means"; "none" where the
            weight is 0.
        weight: lambda, in the paper's units.
    """

    form: str
    weight: float

    def __str__(self) -> str:
        return f"{self.form}, λ = {self.weight:g}" if self.weight else "λ = 0"

    @property
    def slug(self) -> str:
        """As names of folders have it."""
        return f"{self.form}-{self.weight:g}"


BASE = Setting(NONE, 0.0)


def grid(*forms: str, weights: tuple[float, ...]) -> tuple[Setting, ...]:
    """No penalty, then every form at every weight."""
    return (BASE, *(Setting(form, weight) for form in forms for weight in weights))


@dataclass(frozen=True)
class Scale:
    """How much of the study is done.

    Attributes:
        grids: Settings by category; the first category has the most, and its drawings are shown.
        data: Name of the data set of a category, with {} for it.
        seeds: Fitted models of each setting.
        encoder: Width of each direction of the encoder.
        decoder: Width of the decoder.
        latent: Number of latent dimensions.
        mixtures: Gaussians of a point.
        steps: Of each fit, about: whole epochs.
        workers: Processes that fit side by side.
        pictured: Whether pictures are compared by a network that has seen photographs, if its weights are
            there.
    """

    grids: Mapping[str, tuple[Setting, ...]]
    data: str
    seeds: tuple[int, ...]
    encoder: int
    decoder: int
    latent: int
    mixtures: int
    steps: int
    workers: int
    pictured: bool = True


@dataclass(frozen=True)
class Fit:
    """One model of the study: what of, with which penalty, from which seed."""

    category: str
    setting: Setting
    seed: int

    @property
    def name(self) -> str:
        """Of its run folder."""
        return f"{self.category.replace(' ', '-')}-{self.setting.slug}-seed-{self.seed}"


def loaded(order: Order, scale: Scale, category: str) -> Strokes:
    """The drawings of a category, of 11 to 100 points as published.

    Raises:
        DataError: If they are not there, or are no drawings.
    """
    name = scale.data.format(category)
    found = datasets.load(name, data_dir=order.data_dir, limit=LENGTH, least=SHORTEST)
    if not isinstance(found, Strokes):
        raise DataError(f"drawings are needed here, but {name} holds images; choose another data set")
    return found


def epochs_of(scale: Scale, data: Strokes) -> int:
    """Whole epochs that come nearest to the steps asked for."""
    return max(round(scale.steps / _batches(data)), 1)


def steps_of(scale: Scale, data: Strokes) -> int:
    """Steps of those epochs."""
    return epochs_of(scale, data) * _batches(data)


def wanted(fit: Fit, scale: Scale, data: Strokes) -> Wanted:
    """The model and the fit, with both schedules run through in the steps that there are."""
    steps = steps_of(scale, data)
    return Wanted(
        name=fit.name,
        build=lambda: Autoencoder.lstm(
            data.shape,
            latent=scale.latent,
            encoder=scale.encoder,
            decoder=scale.decoder,
            mixtures=scale.mixtures,
        ),
        objective=objective(fit.setting, scale.latent, steps),
        epochs=epochs_of(scale, data),
        batch=BATCH,
        seed=fit.seed,
        rate=ExponentialDecay(start=RATE, factor=RATE_FACTOR ** (STEPS / steps), floor=RATE_FLOOR),
        # Our loss is the paper's times LENGTH, and so are its gradients.
        clip_norm=CLIP * LENGTH,
    )


def objective(setting: Setting, latent: int, steps: int) -> Objective:
    """The paper's objective times the length of its drawings, which makes it nats a drawing.

    reconstruction / T + w KL / D + lambda penalty becomes reconstruction + (T / D) w KL + T lambda penalty.
    """
    share = LENGTH / latent
    beta = ExponentialApproach(
        start=KL_START * share, stop=share, factor=KL_FACTOR ** (STEPS / max(steps, 1))
    )
    weight = LENGTH * setting.weight
    forms: dict[str, Form] = {form: form for form in FORMS}
    form = forms.get(setting.form, "unbiased")
    terms = dict(recipes.decorrelated_vae(weight, form=form, beta=beta))
    if setting.form == IDENTITY:
        terms["covariance"] = Weighted(weight, partial(covariance, of="aggregate", diagonal=1.0))
    if setting.form == MEANS:
        terms["covariance"] = Weighted(weight, partial(correlation, of="mean"))
    return terms


def last_kl_weight() -> float:
    """The paper's w where its fits end, and ours."""
    return 1 - (1 - KL_START) * KL_FACTOR**STEPS


def last_model(run: Run) -> Autoencoder:
    """The model after its last step.

    Not the best on validation data, since one batch of a penalty without bias is noisy enough to choose, and
    nothing was chosen in the paper.
    """
    model = Autoencoder.from_spec(run.spec["model"])
    model.load_state_dict(run.weights("last.safetensors"))
    return model.eval()


def seconds(fit: Fit, scale: Scale, data: Strokes) -> float:
    """About how long a fit takes on one thread, measured at two sizes."""
    weights = sum(each.numel() for each in wanted(fit, scale, data).fresh().parameters())
    rows = data.batch(torch.from_numpy(data.splits["train"]), "cpu")[0]
    points = float((rows[..., 4] == 0).sum(1).float().mean())
    return steps_of(scale, data) * points * (6 * weights * BATCH / 8e10 + 3e-4)


def _batches(data: Strokes) -> int:
    count = math.floor(len(data.splits["train"]) / BATCH)
    if count < 1:
        raise DataError(f"{data.name} needs {BATCH} drawings to train on, but has fewer")
    return count
