"""A term that brings codes of one class together and those of others apart: the triplet loss."""

from __future__ import annotations

import math
from typing import Literal, get_args

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from zscape.base import Draw, whole_batch
from zscape.terms.divergence import squared_distances

Mining = Literal["all", "hard", "semi-hard"]


@whole_batch
def triplet(
    draw: Draw, *, margin: float = 1.0, mining: Mining = "all", squared: bool = True
) -> Float[Tensor, ""]:
    r"""How much nearer than by a margin a code of another class is than one of the same class.

    .. math:: \frac{1}{|T|} \sum_{(a, p, n) \in T} \max\big(0, d(a, p) - d(a, n) + m \big),
        \quad y_p = y_a \ne y_n, \quad p \ne a

    over triplets of the batch's posterior means: an anchor a, a positive p and a negative n. `mining` says
    which triplets T are:

    - "all": all there are.
    - "hard": one an anchor, its farthest positive and its nearest negative ("batch hard", published with
      `squared=False`).
    - "semi-hard": one for each anchor and positive, with the nearest of the negatives that are farther than
      the positive (FaceNet), or where none is farther, which the paper leaves open, with the farthest.

    d is the squared Euclidean distance, as in FaceNet, or the plain one. A plain distance pulls as hard at
    near codes as at far ones, and is what batch-hard mining was found to need to keep codes from collapsing.

    Null: 0 where of every anchor the positives are nearer than the negatives by the margin; 0 too, and so its
    gradient, where a batch has no triplet. Where all codes are one point: the margin. Bias: none for "all";
    of larger batches the others say more, as there are harder triplets to find.
    Cost: O(B^2 (D + log B)) time and O(B^2) memory: the sum over all triplets is taken from the sums over the
    negatives of an anchor, sorted by distance.

    Args:
        draw: One pass over a batch; reads `q.mean` and `y`.
        margin: m, in units of d; >= 0 and finite. What it asks of depends on the scale of codes: with the KL
            the squared distance of two draws of the prior is 2 D.
        mining: "all", "hard" or "semi-hard".
        squared: Whether d is the squared distance.

    Returns:
        Scalar, in units of d: squared units of z, or units of z. A weight is nats per unit.

    Raises:
        ValueError: If the batch has no labels, margin is not finite and >= 0, or mining is none of the three.

    References:
        Schroff, Kalenichenko and Philbin, FaceNet, CVPR 2015 (semi-hard mining; there on the unit sphere).
        Hermans, Beyer and Leibe, In Defense of the Triplet Loss for Person Re-Identification, 2017 (all and
        hard). Ishfaq, Hoogi and Rubin, TVAE, 2018 (beside the terms of a variational autoencoder).
    """
    need_mining(mining)
    if not 0 <= margin < math.inf:
        raise ValueError(f"triplet needs a finite margin >= 0, but got {margin}")
    if draw.y is None:
        raise ValueError(
            "triplet needs labels, but the batch has none; take data with classes or drop the term"
        )
    distances = _distances(draw.q.mean, squared=squared)
    same = draw.y[:, None] == draw.y[None, :]
    positive = same & ~torch.eye(len(same), dtype=torch.bool, device=same.device)
    if mining == "hard":
        return _hard(distances, positive, ~same, margin)
    # Of a batch without negatives all are infinitely far, and nothing is charged.
    negatives = distances.masked_fill(same, torch.inf).sort(1)[0]
    found = (~same).sum(1)
    if mining == "all":
        return _all(distances, positive, negatives, found, margin)
    return _semi_hard(distances, positive, negatives, found, margin)


def need_mining(mining: str) -> None:
    """Refuse a way of mining that there is not.

    Raises:
        ValueError: If `mining` is none of the three.
    """
    if mining not in get_args(Mining):
        raise ValueError(f"mining needs to be one of {', '.join(get_args(Mining))}, but got {mining!r}")


def _distances(z: Float[Tensor, "B D"], *, squared: bool) -> Float[Tensor, "B B"]:
    if not squared:
        # From the differences: the root of what rounding leaves of products is far off for near codes. The
        # root has no gradient at 0; equal codes get none.
        # It has no kernel for halves of float32.
        wide = z.float() if z.dtype.itemsize < 4 else z
        return torch.cdist(wide, wide, compute_mode="donot_use_mm_for_euclid_dist").to(z.dtype)
    # Centred, for the squares are taken by products, whose error grows with the distance from the origin.
    centred = z - z.mean(0).detach()
    return squared_distances(centred, centred)


def _all(
    distances: Float[Tensor, "B B"],
    positive: Bool[Tensor, "B B"],
    negatives: Float[Tensor, "B B"],
    found: Tensor,
    margin: float,
) -> Float[Tensor, ""]:
    """Mean over all triplets; `negatives` are the sorted distances of each anchor, infinite after `found`."""
    reach = distances + margin
    within = torch.searchsorted(negatives.detach(), reach.detach())
    sums = torch.nn.functional.pad(negatives.masked_fill(negatives.isinf(), 0).cumsum(1), (1, 0))
    # Of n negatives within reach, r, the hinges sum to n r less the sum of their distances.
    hinges = (within * reach - sums.gather(1, within)).masked_fill(~positive, 0)
    return hinges.sum() / (positive.sum(1) * found).sum().clamp(min=1)


def _hard(
    distances: Float[Tensor, "B B"],
    positive: Bool[Tensor, "B B"],
    negative: Bool[Tensor, "B B"],
    margin: float,
) -> Float[Tensor, ""]:
    farthest = distances.masked_fill(~positive, -torch.inf).amax(1)
    nearest = distances.masked_fill(~negative, torch.inf).amin(1)
    anchors = positive.any(1) & negative.any(1)
    return (farthest - nearest + margin).relu().sum() / anchors.sum().clamp(min=1)


def _semi_hard(
    distances: Float[Tensor, "B B"],
    positive: Bool[Tensor, "B B"],
    negatives: Float[Tensor, "B B"],
    found: Tensor,
    margin: float,
) -> Float[Tensor, ""]:
    farther = torch.searchsorted(negatives.detach(), distances.detach(), right=True)
    chosen = negatives.gather(1, farther.minimum(found[:, None] - 1).clamp(min=0))
    hinges = (distances - chosen + margin).relu().masked_fill(~positive, 0)
    return hinges.sum() / (positive & (found > 0)[:, None]).sum().clamp(min=1)
