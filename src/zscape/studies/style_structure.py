"""What the study style-paths measures on codes with labels: spectra, classes, clusters, what can be read."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from zscape import measure
from zscape.base import Codes
from zscape.studies.style_fits import Scale

COMPONENTS = 10
SUBSPACE = 5  # components whose span is compared between classes
CLUSTERED = {"kmeans": "k-means", "spectral": "spectral"}
METHODS: tuple[Literal["kmeans", "spectral"], ...] = ("kmeans", "spectral")


def structure(codes: Codes, scale: Scale, *, seed: int) -> dict[str, Any]:
    """Everything that is measured on a set of codes, as JSON can hold it.

    Args:
        codes: With labels.
        scale: Numbers of clusters and permutations.
        seed: Of whatever is drawn.
    """
    return {
        **sphericity(codes),
        **_spectra(codes, scale.permutations, seed),
        **_classes(codes, seed),
        **_clusters(codes, scale.clusters, seed),
        **_read(codes, seed),
    }


def sphericity(codes: Codes) -> dict[str, float]:
    r"""How near the covariance of codes is to a multiple of the identity.

    .. math:: \gamma = \frac{(\mathrm{tr}\,S / D)^2}{\widehat{\mathrm{tr}\,\Sigma^2} / D}

    with the unbiased estimate of the square in the place of that of the sample: 1 for a sphere in all D
    directions, 1 / D for a line. `sphericity` is that of the means; `sphericity of posteriors` has the mean
    variances of the posteriors added. `sphericity z` is the test of the means, a standard normal under the
    null.

    Null: 1, and 0 for z, for Gaussian codes of equal variance in all directions. Bias: none to first order.

    References:
        Srivastava, Some Tests Concerning the Covariance Matrix in High Dimensional Data, 2005.
    """
    mean = codes.mean.astype(np.float64)
    degrees, latents = len(mean) - 1, mean.shape[1]
    covariance = np.cov(mean, rowvar=False).reshape(latents, latents)
    trace = float(np.trace(covariance))
    square = (
        degrees**2 / ((degrees - 1) * (degrees + 2)) * (float((covariance**2).sum()) - trace**2 / degrees)
    )
    noise = (
        np.zeros(latents) if codes.logvar is None else np.exp(codes.logvar.astype(np.float64)).mean(axis=0)
    )
    with_noise = square + 2 * float(np.diag(covariance) @ noise) + float((noise**2).sum())
    return {
        "sphericity": trace**2 / latents / square,
        "sphericity of posteriors": (trace + float(noise.sum())) ** 2 / latents / with_noise,
        "sphericity z": degrees / 2 * (latents * square / trace**2 - 1),
    }


def _spectra(codes: Codes, permutations: int, seed: int) -> dict[str, Any]:
    found = measure.class_spectra(codes, components=COMPONENTS, permutations=permutations, seed=seed)
    whole = found[0]
    return {
        "first share": float(whole.ratios[0]),
        "first share, permuted": float(whole.null_mean[0]),
        "components": float(whole.components),
        "spectra": {
            "all" if each.label is None else str(each.label): {
                "ratios": each.ratios.tolist(),
                "permuted": each.null_mean.tolist(),
                "components": each.components,
            }
            for each in found
        },
    }


def _classes(codes: Codes, seed: int) -> dict[str, Any]:
    """Offsets of centres, angles and distances."""
    offsets = {each.name: each.value for each in measure.centroid_offsets(codes, resamples=2, seed=seed)}
    angles = measure.component_angles(codes)
    distances = measure.class_distances(codes, seed=seed)
    count = len(angles.labels)
    above = np.triu_indices(count, 1)
    within = np.diag_indices(count)
    between, inner = float(distances.mean[above].mean()), float(distances.mean[within].mean())
    return {
        **offsets,
        "angle": float(angles.degrees[above].mean()),
        "angle, random": angles.null_median,
        "angles": angles.degrees.tolist(),
        "angles below chance": float((angles.degrees[above] < angles.null_low).mean()),
        **_subspaces(codes, seed),
        "distance within": inner,
        "distance between": between,
        "between over within": between / inner,
        "mean distances": distances.mean.tolist(),
        "shortest distances": distances.shortest.tolist(),
        "longest distances": distances.longest.tolist(),
    }


def _subspaces(codes: Codes, seed: int) -> dict[str, float]:
    """Mean principal angle between the spans of the first components of two classes, and of random ones."""
    label = np.asarray(codes.label)
    classes = [codes.take(label == which) for which in np.unique(label)]
    k = min(SUBSPACE, codes.latent // 2, min(map(len, classes)) - 1)
    found = [
        measure.principal_angles(one, other, k=k).mean()
        for place, one in enumerate(classes)
        for other in classes[place + 1 :]
    ]
    chance = measure.random_angles(codes.latent, k, draws=100, seed=seed)
    return {"principal angle": float(np.mean(found)), "principal angle, random": float(chance.mean())}


def _clusters(codes: Codes, counts: tuple[int, ...], seed: int) -> dict[str, Any]:
    label = np.asarray(codes.label)
    found: dict[str, Any] = {"silhouette of classes": measure.silhouette(codes, label, seed=seed).value}
    whole = sorted({*counts, len(np.unique(label))})
    for method in METHODS:
        for count in whole:
            clusters = measure.cluster(codes, count, method=method, seed=seed)
            scores = measure.cluster_agreement(clusters, label, resamples=2, seed=seed)
            # Spectral clusters may be a single one.
            several = len(np.unique(clusters)) > 1
            found[f"{method} {count}"] = {
                "silhouette": measure.silhouette(codes, clusters, seed=seed).value if several else 0.0,
                **{each.name.removeprefix("cluster_"): each.value for each in scores},
                "counts": measure.composition(clusters, label).counts.tolist(),
            }
    return found


def _read(codes: Codes, seed: int) -> dict[str, float]:
    """What a reader that learns from two thirds of these codes knows of the others."""
    label = np.asarray(codes.label)
    return {
        "linear probe": measure.linear_probe(codes, seed=seed).value,
        "nearest neighbours": measure.neighbour_accuracy(codes, seed=seed).value,
        "commonest class": float(np.bincount(label).max() / len(label)),
    }
