"""What the study style-paths fits: seven kinds of autoencoder, on paintings and on views of objects."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from zscape import data as datasets
from zscape import recipes
from zscape.base import Objective
from zscape.data import Images
from zscape.errors import DataError
from zscape.model import Autoencoder, FeatureReader, feature_reader, style_layers
from zscape.model.perception import Network
from zscape.model.weights import located
from zscape.studies.keeping import Wanted
from zscape.studies.order import Order
from zscape.studies.style_turns import turntable
from zscape.terms import negative_log_likelihood
from zscape.training import Engine

AE, VAE, BETA, TRIPLET, AAE = "AE", "VAE", "beta-VAE", "triplet VAE", "adversarial AE"
ACAI, AEAI = "ACAI", "AEAI"
PUBLISHED = (AE, VAE, BETA, TRIPLET, AAE)
KINDS = (*PUBLISHED, ACAI, AEAI)
STOCHASTIC = (VAE, BETA, TRIPLET)
BETA_WEIGHT = 0.4  # as published
# Numbers of the pictures for which the recipes' own weights were found: 8x8 grey.
_NUMBERS = 64
# The cross-entropy of a pixel over its squared error, at mid grey.
_STEEPER = 2.0
# Of the squared distance of two draws of the prior, 2 D.
_MARGIN = 0.5
Where = Literal["paintings", "views"]
PAINTINGS: Where = "paintings"
VIEWS: Where = "views"


@dataclass(frozen=True)
class Setting:
    """A data set, and the network and fit for it.

    Attributes:
        data: Name of the data set.
        channels: Of the convolutions of the encoder.
        dense: Width of its dense layer.
        latent: Number of latent dimensions.
        epochs: Passes of each fit.
        batch: Samples a step.
        size: Side of the pictures; None as they are.
    """

    data: str
    channels: tuple[int, ...]
    dense: int
    latent: int
    epochs: int
    batch: int
    size: int | None = None


@dataclass(frozen=True)
class Scale:
    """How much of the study is done.

    Attributes:
        paintings: Pictures with a label of their style.
        views: Views of objects that turn.
        turn: The factor of the views that is the turn.
        seeds: Fitted models of each kind.
        rate: Of Adam.
        network: Which sees pictures.
        trained: Whether it has weights that were trained, which need to be there.
        clusters: Numbers of clusters.
        pairs: Random pairs of codes in each class, and between each two.
        turns: Pairs of views of each object, with views between them that are learned from.
        permutations: For the null of spectra.
        iterations: Of the search for geodesics, at most.
        workers: Processes that fit side by side.
        bf16: Whether networks are run in bfloat16 while they are fitted.
    """

    paintings: Setting
    views: Setting
    turn: str
    seeds: tuple[int, ...]
    rate: float
    network: Network
    trained: bool
    clusters: tuple[int, ...]
    pairs: int
    turns: int
    permutations: int
    iterations: int
    workers: int
    bf16: bool = False

    def of(self, where: Where) -> Setting:
        """One of the two data sets."""
        return self.paintings if where == PAINTINGS else self.views


@dataclass(frozen=True)
class Fit:
    """One model of the study."""

    where: Where
    kind: str
    seed: int

    @property
    def name(self) -> str:
        """Of its run folder."""
        return f"{self.where}-{self.kind.lower().replace(' ', '-')}-seed-{self.seed}"


def loaded(order: Order, scale: Scale, where: Where) -> Images:
    """The pictures, with labels and splits.

    Raises:
        DataError: If they are not there, are no pictures, or have no labels.
    """
    setting = scale.of(where)
    found = datasets.load(setting.data, data_dir=order.data_dir, size=setting.size)
    if not isinstance(found, Images) or found.labels is None:
        raise DataError(f"pictures with labels are needed here, but {setting.data} are none or have none")
    return turntable(found, scale.turn) if where == VIEWS else found


def weights_of(order: Order, scale: Scale) -> Path | str:
    """The file of the network's weights, or the word for random ones.

    Raises:
        DataError: If trained weights are wanted and not there.
    """
    return located(scale.network, data_dir=order.data_dir) if scale.trained else "random"


def reader_of(order: Order, scale: Scale) -> FeatureReader:
    """The network, read at the layers of style that its weights reach; of random ones at the first."""
    weights = weights_of(order, scale)
    return feature_reader(
        scale.network,
        weights=weights,
        layers=style_layers(scale.network, weights=weights) if scale.trained else ("relu1",),
        preprocessing=None if scale.trained else "torchvision",
    )


def wanted(fit: Fit, scale: Scale, data: Images) -> Wanted:
    """The model and the fit."""
    setting = scale.of(fit.where)
    return Wanted(
        name=fit.name,
        build=partial(
            Autoencoder.conv,
            data.shape,
            latent=setting.latent,
            channels=setting.channels,
            dense=setting.dense,
            stochastic=fit.kind in STOCHASTIC,
        ),
        objective=objective(fit.kind, data.images[0].numel(), setting.latent),
        epochs=setting.epochs,
        batch=setting.batch,
        seed=fit.seed,
        rate=scale.rate,
        # As the recipes of these two ask for.
        betas=(0.5, 0.999) if fit.kind in (AAE, AEAI) else (0.9, 0.999),
        engine=Engine(bf16=scale.bf16, channels_last=True),
    )


def objective(kind: str, numbers: int, latent: int) -> Objective:
    """The objective of a kind for pictures of so many numbers.

    All have one reconstruction, the cross-entropy of pixels, so that they differ in what comes beside it: a
    squared error on a sigmoid leaves no gradient where a picture is black throughout. Weights of what recipes
    put beside a squared error grow with the picture, as that does, and are twice theirs, as the cross-entropy
    is about twice the squared error at mid grey. Those of the triplet loss and the critic of the prior were
    not published, or not for such pictures.

    Args:
        kind: One of `KINDS`.
        numbers: Pixels times channels.
        latent: Latent dimensions.
    """
    larger = _STEEPER * numbers / _NUMBERS
    asked = {
        AE: recipes.autoencoder,
        VAE: recipes.vae,
        BETA: partial(recipes.beta_vae, BETA_WEIGHT),
        TRIPLET: partial(recipes.triplet_vae, margin=_MARGIN * 2 * latent),
        AAE: partial(recipes.adversarial_autoencoder, larger),
        ACAI: partial(recipes.acai, _STEEPER * numbers / 8),
        AEAI: partial(recipes.aeai, 0.3 * larger, cycle=0.1 * larger, smoothness=0.01 * _STEEPER),
    }[kind]()
    return {**asked, "reconstruction": negative_log_likelihood}
