"""What the study sparse-disentanglement measures on a model: its pictures and what its latents know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from zscape import codes as tables
from zscape import measure
from zscape.base import Codes
from zscape.data import Images
from zscape.model import Autoencoder, FeatureReader
from zscape.run import Run

_BATCH = 512


@dataclass(frozen=True)
class Subject:
    """A fitted model and the codes of all pictures.

    Attributes:
        model: The model, after its last step.
        data: The pictures.
        codes: Their posteriors.
        seed: Of the fit, and of whatever is drawn to measure it.
    """

    model: Autoencoder
    data: Images
    codes: Codes
    seed: int

    @classmethod
    def of(cls, run: Run, data: Images, seed: int) -> Subject:
        """The model after its last step with the codes of all pictures.

        Not the best on validation data: a penalty in the objective would have a say in that, and nothing was
        chosen in the paper.
        """
        model = Autoencoder.from_spec(run.spec["model"])
        model.load_state_dict(run.weights("last.safetensors"))
        return cls(model.eval(), data, tables.encode(model, data), seed)

    @property
    def test(self) -> Codes:
        """Held-out codes."""
        return self.codes.of("test")

    def pictures(self, rows: np.ndarray) -> Float[np.ndarray, "N C H W"]:
        """Pictures of the data set."""
        return self.data.batch(torch.from_numpy(rows), "cpu")[0].numpy()

    def decoded(self, z: Float[np.ndarray, "N D"]) -> Float[np.ndarray, "N C H W"]:
        """What the decoder makes of codes."""
        with self.model.evaluating() as device:
            parts = torch.from_numpy(z.astype(np.float32)).to(device).split(_BATCH)
            return torch.cat([self.model.decode(part).mean.cpu() for part in parts]).numpy()


def measured(subject: Subject, reader: FeatureReader, rows: tuple[int, int]) -> dict[str, Any]:
    """Everything that is measured on one model, as JSON can hold it.

    Args:
        subject: The model.
        reader: The network that sees pictures.
        rows: That metrics which learn are given: to learn from, and to be tested on.
    """
    return {
        **_reconstruction(subject, reader),
        **_information(subject.codes),
        "MIG, test pictures": measure.mig(
            measure.histogram_information(subject.test, subject.test.factors)
        ).value,
        **_learned(subject.codes, rows, subject.seed),
        "active": measure.active_units(subject.test).value,
    }


def _reconstruction(subject: Subject, reader: FeatureReader) -> dict[str, float]:
    """Held-out pictures and what is left of them at the means of their codes."""
    test = subject.test
    x, xhat = subject.pictures(test.id), subject.decoded(test.mean)
    nats = measure.log_likelihood_per_sample(x, test, subject.model.log_prob, samples=1, seed=subject.seed)
    divergence = float(measure.kl_per_sample(test).mean())
    sigma = measure.fitting_sigma(*x.shape[2:])
    return {
        "PSNR": measure.psnr(x, xhat, data_range=1.0).value,
        "PSNR of 255": measure.psnr(x, xhat, data_range=255.0).value,
        "SSIM": measure.ssim(x, xhat, data_range=1.0, sigma=sigma).value,
        "feature distance": measure.feature_distance(x, xhat, reader).value,
        "nll": -float(nats.mean()),
        "kl": divergence,
        "sparsity": float(np.abs(test.mean).sum(axis=1).mean()),
    }


def _information(codes: Codes) -> dict[str, float]:
    """Scores read off mutual information, of all rows."""
    by_histograms = measure.histogram_information(codes, codes.factors)
    by_densities = measure.aggregate_information(codes, codes.factors)
    results = [
        score(information)
        for information in (by_histograms, by_densities)
        for score in (measure.mig, measure.aam, measure.modularity)
    ]
    return {each.name: each.value for each in results}


def _learned(codes: Codes, rows: tuple[int, int], seed: int) -> dict[str, float]:
    """Scores that come from learning or from votes."""
    train, test = rows
    given = {"train": train, "test": test, "seed": seed}
    results = [
        *measure.dci(codes, codes.factors, learner="forest", **given),
        measure.sap(codes, codes.factors, **given),
        measure.explicitness(codes, codes.factors, **given),
        measure.factor_vae_score(codes, codes.factors, votes=train, test=test, seed=seed),
        measure.beta_vae_score(codes, codes.factors, votes=train, test=test, seed=seed),
    ]
    return {each.name: each.value for each in results}
