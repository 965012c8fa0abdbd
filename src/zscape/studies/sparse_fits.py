"""What the study sparse-disentanglement fits: one network on one data set, by every recipe for it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from zscape import data as datasets
from zscape import recipes
from zscape.base import Objective, Weighted
from zscape.data import Images
from zscape.errors import DataError
from zscape.model import Autoencoder, FeatureReader, feature_reader
from zscape.model.perception import Network
from zscape.model.weights import located
from zscape.schedules import Warmup
from zscape.studies.keeping import Wanted
from zscape.studies.order import Order
from zscape.terms import TotalCorrelationCritic, sparsity
from zscape.terms.norms import Sparse
from zscape.training import Engine

VAE, BETA, TC, FACTOR, ANNEALED = "VAE", "beta-VAE", "beta-TCVAE", "FactorVAE", "annealed VAE"
DIP1, DIP2 = "DIP-VAE I", "DIP-VAE II"
PERCEPTUAL, BOTH = "perceptual", "sparse + perceptual"
MEAN, SAMPLE, OUTPUTS = "sparse, mean", "sparse, sample", "sparse, outputs"
SPARSE: dict[str, Sparse] = {MEAN: "mean", SAMPLE: "z", OUTPUTS: "outputs"}
GAMMA = 35.0  # of FactorVAE, as published for dSprites
KINDS = (VAE, BETA, MEAN, SAMPLE, OUTPUTS, PERCEPTUAL, BOTH, TC, FACTOR, DIP1, DIP2, ANNEALED)


@dataclass(frozen=True)
class Scale:
    """How much of the study is done.

    Attributes:
        data: Name of the data set.
        seeds: Fitted models of each kind.
        channels: Of the convolutions of the encoder.
        dense: Width of its dense layer.
        latent: Number of latent dimensions.
        epochs: Passes of each fit.
        batch: Samples a step.
        rate: Of Adam.
        sparsity: Nats per unit of the L1 norm.
        perceptual: Nats for a picture all of whose features are lost.
        network: Which sees pictures.
        layers: Where it is read.
        trained: Whether it has weights that were trained, which need to be there.
        critic: Width and depth of FactorVAE's critic.
        capacity: Of the annealed VAE at its end, in nats.
        rows: That metrics which learn are given: to learn from, and to be tested on.
        workers: Processes that fit side by side.
        bf16: Whether networks are run in bfloat16 while they are fitted.
    """

    data: str
    seeds: tuple[int, ...]
    channels: tuple[int, ...]
    dense: int
    latent: int
    epochs: int
    batch: int
    rate: float
    sparsity: float
    perceptual: float
    network: Network
    layers: tuple[str, ...]
    trained: bool
    critic: tuple[int, int]
    capacity: float
    rows: tuple[int, int]
    workers: int
    bf16: bool = False


@dataclass(frozen=True)
class Fit:
    """One model of the study."""

    kind: str
    seed: int

    @property
    def name(self) -> str:
        """Of its run folder."""
        slug = "".join(letter if letter.isalnum() else "-" for letter in self.kind.lower())
        return f"{slug}-seed-{self.seed}".replace("---", "-").replace("--", "-")


def loaded(order: Order, scale: Scale) -> Images:
    """The pictures, with factors.

    Raises:
        DataError: If they are not there, are no pictures, or their factors are not known.
    """
    found = datasets.load(scale.data, data_dir=order.data_dir)
    if not isinstance(found, Images) or not found.factors:
        raise DataError(f"pictures with known factors are needed here, but {scale.data} has none")
    return found


def weights_of(order: Order, scale: Scale) -> Path | str:
    """The file of the network's weights, or the word for random ones.

    Raises:
        DataError: If trained weights are wanted and not there.
    """
    return located(scale.network, data_dir=order.data_dir) if scale.trained else "random"


def reader_of(order: Order, scale: Scale) -> FeatureReader:
    """The network, read at the layers of the study."""
    return feature_reader(
        scale.network,
        weights=weights_of(order, scale),
        layers=scale.layers,
        preprocessing=None if scale.trained else "torchvision",
    )


def wanted(order: Order, fit: Fit, scale: Scale, data: Images) -> Wanted:
    """The model and the fit."""
    return Wanted(
        name=fit.name,
        build=partial(
            Autoencoder.conv, data.shape, latent=scale.latent, channels=scale.channels, dense=scale.dense
        ),
        objective=objective(order, fit.kind, scale, steps_of(scale, data)),
        epochs=scale.epochs,
        batch=scale.batch,
        seed=fit.seed,
        rate=scale.rate,
        engine=Engine(bf16=scale.bf16, channels_last=True),
    )


def steps_of(scale: Scale, data: Images) -> int:
    """Steps of a fit."""
    return scale.epochs * -(-len(data.splits["train"]) // scale.batch)


def objective(order: Order, kind: str, scale: Scale, steps: int) -> Objective:
    """The objective of a kind, by its published settings where they are known."""
    if kind in (PERCEPTUAL, BOTH):
        seen = recipes.perceptual_vae(
            scale.network,
            weights=weights_of(order, scale),
            layers=scale.layers,
            preprocessing=None if scale.trained else "torchvision",
            bf16=scale.bf16,
            weight=scale.perceptual,
        )
        penalty = {"sparsity": Weighted(scale.sparsity, partial(sparsity, of="mean"))}
        return {**seen, **(penalty if kind == BOTH else {})}
    if kind in SPARSE:
        return recipes.sparse_vae(scale.sparsity, of=SPARSE[kind])
    if kind == FACTOR:
        width, depth = scale.critic
        critic = TotalCorrelationCritic(width=width, depth=depth)
        return {**recipes.factor_vae(), "total_correlation": Weighted(GAMMA, critic)}
    return {
        VAE: recipes.vae,
        BETA: recipes.beta_vae,
        TC: recipes.beta_tcvae,
        DIP1: partial(recipes.dip_vae, 1),
        DIP2: partial(recipes.dip_vae, 2),
        ANNEALED: partial(recipes.annealed_vae, Warmup(stop=scale.capacity, steps=steps // 2)),
    }[kind]()
