"""What the study sketch-covariance measures on a fitted model, on drawings that it has not seen."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from zscape import codes as tables
from zscape import drawing, measure, strokes
from zscape.base import Codes, Draw, Posterior
from zscape.data import Strokes
from zscape.measure.distances import median_distance
from zscape.model import Autoencoder, draw, pooled_features, squeezenet
from zscape.sample import Gaussian
from zscape.studies.sketch_fits import BATCH, LENGTH, Setting, last_kl_weight
from zscape.terms import correlation, covariance, covariance_floor

TEMPERATURE = 0.4
PRIOR, FITTED = "N(0, I)", "Gaussian"
# Random partitions into batches over which the penalty is averaged, and draws from each posterior.
_PARTITIONS, _DRAWS = 50, 4
# Variance of its mean above which a latent counts as active, that of `measure.active_units`.
_ACTIVE = 0.01
_LAYER, _SIDE = 9, 64
_FEW = 3  # points, with fewer of which a drawing is a line or nothing
_NETWORK = Path("networks", "squeezenet1_1_features_fp32.npz")


@dataclass(frozen=True)
class Subject:
    """A fitted model and the codes of all drawings.

    Attributes:
        model: The model.
        data: The drawings.
        codes: Their posteriors.
        seed: Of the fit, and of whatever is drawn to measure it.
    """

    model: Autoencoder
    data: Strokes
    codes: Codes
    seed: int

    @classmethod
    def of(cls, model: Autoencoder, data: Strokes, seed: int) -> Subject:
        """The model with the codes of all drawings."""
        return cls(model, data, tables.encode(model, data), seed)

    @property
    def test(self) -> Codes:
        """Held-out codes."""
        return self.codes.of("test")

    def drawings(self) -> Float[np.ndarray, "N T 5"]:
        """Held-out drawings, as stroke-5."""
        return self.data.batch(torch.from_numpy(self.test.id), "cpu")[0].numpy()

    def encode(self, x: Float[np.ndarray, "N T 5"]) -> Float[np.ndarray, "N D"]:
        """Posterior means."""
        with self.model.evaluating() as device:
            return self.model.encode(torch.from_numpy(x).to(device)).mean.double().cpu().numpy()

    def sampler(self, name: str, count: int) -> Float[np.ndarray, "N D"]:
        """New codes: from the prior, or from a Gaussian fitted on the training codes."""
        if name == PRIOR:
            return np.random.default_rng((self.seed, 5)).standard_normal((count, self.model.latent))
        return Gaussian().fit(self.codes.of("train")).sample(count, seed=self.seed)

    def drawn(self, z: Float[np.ndarray, "N D"]) -> Float[np.ndarray, "N L 5"]:
        """Drawings from codes at the published temperature."""
        return draw(self.model, z, temperature=TEMPERATURE, seed=self.seed)


def network_file(data_dir: str | os.PathLike[str] | None) -> Path | None:
    """Weights of SqueezeNet in the first data folder that has them, or None."""
    folders = (data_dir, os.environ.get("ZSCAPE_DATA"))
    files = [Path(folder, _NETWORK) for folder in folders if folder]
    return next((file for file in files if file.is_file()), None)


def picture_features(weights: Path | None) -> Callable[[np.ndarray], np.ndarray]:
    """From drawings to features of their bitmaps; of a random network where there are no weights."""
    network = squeezenet("random" if weights is None else weights)

    def features(x: np.ndarray) -> np.ndarray:
        pictures = drawing.bitmaps(x, side=_SIDE)
        return pooled_features(pictures, network, preprocessing="caffe", layer=_LAYER)

    return features


def measured(
    subject: Subject, setting: Setting, pictured: Callable[[np.ndarray], np.ndarray]
) -> dict[str, Any]:
    """Everything that is measured on one model, as JSON can hold it."""
    x, test = subject.drawings(), subject.test
    found = {
        "drawings": len(x),
        "points": int(strokes.lengths(x).sum()),
        **_likelihood(subject, x),
        **_penalty(test, subject.seed),
        **_shape(test),
    }
    latents = test.mean.shape[1]
    found["step"] = found["nll"] / LENGTH
    found["dimension"] = found["kl"] / latents
    loss = found["step"] + last_kl_weight() * found["dimension"] + setting.weight * found["penalty"]
    found["overall"] = loss
    features = {"picture": pictured, "code": subject.encode}
    known = {name: _vendi(of(x)) for name, of in features.items()}
    found["vendi of real pictures"] = known["picture"]
    for name in (PRIOR, FITTED):
        found[name] = _samples(subject, name, x, features, known)
    return found


def _likelihood(subject: Subject, x: np.ndarray) -> dict[str, float]:
    """Nats a drawing and a point, divergence, and the bound."""
    test = subject.test
    nats = measure.log_likelihood_per_sample(
        x, test, subject.model.log_prob, samples=_DRAWS, seed=subject.seed
    )
    sketch, point = measure.sketch_likelihood(nats, strokes.lengths(x), seed=subject.seed)
    divergence = float(measure.kl_per_sample(test).mean())
    # Each drawing given the code of the one before it.
    other = test.take(np.roll(np.arange(len(test)), 1))
    strange = measure.log_likelihood_per_sample(x, other, subject.model.log_prob, seed=subject.seed)
    return {
        "nll": sketch.value,
        "point": point.value,
        "kl": divergence,
        "elbo": -sketch.value - divergence,
        "use": -float(strange.mean()) - sketch.value,
    }


def _penalty(test: Codes, seed: int) -> dict[str, float]:
    """The published penalty and its floor on batches of held-out codes, drawn as in training."""
    mean, std = _spread(test)
    random = np.random.default_rng((seed, 3))
    size = min(BATCH, len(mean))
    values = []
    for _ in range(_PARTITIONS):
        z = torch.from_numpy(mean + std * random.standard_normal(mean.shape))
        rows = random.permutation(len(z))[: len(z) // size * size].reshape(-1, size)
        for batch in rows:
            # Means serve as codes: both terms are told to read what was drawn.
            passed = as_draw(z[batch])
            values.append((covariance(passed, unbiased=False).item(), covariance_floor(passed).item()))
    penalty, floor = np.mean(values, axis=0).tolist()
    return {"penalty": penalty, "floor": floor}


def _shape(test: Codes) -> dict[str, float]:
    """How held-out codes lie: variances, covariances and correlations without bias, ranks, distances."""
    mean, std = _spread(test)
    spread = mean.var(axis=0, ddof=1)
    active = torch.from_numpy(mean[:, spread > _ACTIVE])
    passed = as_draw(torch.from_numpy(mean))
    rank = {each.name: each.value for each in measure.pca_results(test)}["effective_rank"]
    return {
        "variance": float(spread.sum() + np.square(std).mean(axis=0).sum()),
        "variance of means": float(spread.sum()),
        "active": float(active.shape[1]),
        "covariance": covariance(passed).item(),
        "correlation": correlation(passed, of="mean").item(),
        # Fewer than two latents have no pairs.
        "active correlation": correlation(as_draw(active), of="mean").item() if active.shape[1] > 1 else 0.0,
        "rank": rank,
        "pairwise": measure.mean_pairwise_distance(test).value,
    }


def _samples(
    subject: Subject,
    name: str,
    x: np.ndarray,
    features: dict[str, Callable[[np.ndarray], np.ndarray]],
    known: dict[str, float],
) -> dict[str, float]:
    """How varied as many new drawings are as there are held-out ones, and how many of these they cover."""
    z = subject.sampler(name, len(x))
    drawn = subject.drawn(z)
    distance, ratio = measure.reencoded_distance(z, subject.test, draw=lambda _: drawn, encode=subject.encode)
    points = strokes.lengths(drawn)
    found = {
        "reencoded": distance.value,
        "ratio": ratio.value,
        "blank": float((points < _FEW).mean()),
        "endless": float((points == drawn.shape[1] - 1).mean()),
    }
    with warnings.catch_warnings():
        # Drawings alike to the pixel are a result here, of models that draw nothing or one thing.
        warnings.filterwarnings(
            "ignore", message=".* samples have .* duplicates or more", category=UserWarning
        )
        results = measure.feature_diversity(x, drawn, features=features)
    for each in results:
        kind, _, feature = each.name.rpartition("_of_")
        value = each.value / known[feature] if kind.startswith("vendi") else each.value
        found[f"{kind.removesuffix('_score_gaussian')} of {feature}"] = value
    return found


def _vendi(rows: np.ndarray) -> float:
    """The Vendi score of real drawings, by the bandwidth that `feature_diversity` measures others with."""
    return measure.vendi_score(rows, kernel="gaussian", bandwidth=median_distance(rows)).value


def _spread(codes: Codes) -> tuple[np.ndarray, np.ndarray]:
    """Means and standard deviations of posteriors."""
    mean = codes.mean.astype(np.float64)
    if codes.logvar is None:
        return mean, np.zeros_like(mean)
    return mean, np.exp(0.5 * codes.logvar.astype(np.float64))


class _NoDrawings:
    """Stands where a pass has a likelihood, for terms that read codes alone."""

    @property
    def mean(self) -> Tensor:
        raise ValueError("this pass has codes alone")

    def log_prob(self, x: Tensor) -> Tensor:
        raise ValueError("this pass has codes alone")

    def sample(self) -> Tensor:
        raise ValueError("this pass has codes alone")


def as_draw(z: Float[Tensor, "B D"]) -> Draw:
    """A pass whose posterior means and codes are `z`, for terms that read codes alone."""
    q, decoded = Posterior(z), _NoDrawings()
    return Draw(
        x=z, y=None, q=q, z=z, decoded=decoded, encode=Posterior, decode=lambda _: decoded, step=0, total=1
    )
