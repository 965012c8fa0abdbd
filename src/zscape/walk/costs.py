"""What it costs a geodesic to leave the data: by distance to codes, by density, or by decoders that disagree.

Each gives a function of codes that is 0 where nine tenths of the data lie and rises from there, see
`geodesic_paths`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from zscape.base import CodesLike, code_arrays
from zscape.checks import check_whole
from zscape.walk.geodesics import Cost, Decoder, decoders_of
from zscape.walk.lengths import check_decoded

_FREE = 0.9  # share of the data that costs nothing
_SAMPLE = 2000  # codes on which that level is found
_AT_ONCE = 256  # codes whose level is found together


def distance_cost(codes: CodesLike, *, neighbours: int = 10, weight: float = 1.0) -> Cost:
    r"""Cost of being far from the codes of the data.

    .. math:: c(z) = w \max\left(0, \frac{h(z)}{h_{90}} - 1\right)

    with h(z) the mean squared distance to the nearest codes, and h_90 the value that nine tenths of the codes
    stay below, each code itself left out.

    Null: 0 at nine tenths of new codes like those of the data. At the codes themselves it is 0 more often, as
    each is its own nearest then: at all of 300 draws of N(0, I) with `neighbours=1`, at 97 % with 2, at 93 %
    with 10. Cost: O(N D) for each code asked, with memory for N distances each.

    Args:
        codes: Where the data are: a table, an array (N, D) with N >= 2, or a pair (mean, logvar), of which
            only means are read.
        neighbours: Nearest codes that count; all, where there are fewer.
        weight: Of the cost. Must be >= 0.

    Raises:
        TypeError: If neighbours is no whole number.
        ValueError: If codes are malformed or equal, neighbours < 1, or weight < 0.
    """
    mean, _ = code_arrays(codes, rows=2)
    _check_weight(weight)
    check_whole("neighbours", neighbours, least=1)
    count = min(neighbours, len(mean) - 1)
    # Distances by products lose what is small beside the distance to 0.
    middle = torch.as_tensor(mean.mean(axis=0))
    known = torch.as_tensor(mean) - middle

    def spread(z: Tensor, codes: Tensor, itself: int) -> Tensor:
        with torch.no_grad():
            places = torch.cdist(z, codes).topk(count + itself, largest=False).indices[:, itself:]
        return (z[:, None] - codes[places]).square().sum(2).mean(1)

    level = _level(lambda z: spread(z, known, 1), known, "distances")
    # One copy for each kind of codes that is asked for, since there are many codes and many questions.
    copies: dict[tuple[torch.dtype, torch.device], Tensor] = {}

    def cost(z: Tensor) -> Tensor:
        if (z.dtype, z.device) not in copies:
            copies[z.dtype, z.device] = known.to(z)
        return spread(z - middle.to(z), copies[z.dtype, z.device], 0) / level - 1

    return _from_zero(cost, weight)


def density_cost(
    log_prob: Callable[[Float[Tensor, "N D"]], Float[Tensor, "N"]],
    codes: CodesLike,
    *,
    weight: float = 1.0,
    dtype: torch.dtype = torch.float32,
    device: str = "cpu",
) -> Cost:
    r"""Cost of being where a density of codes is low.

    .. math:: c(z) = w \max(0, q_{10} - \log p(z))

    with q_10 the log density that a tenth of the codes fall below.

    Null: 0 at nine tenths of the codes. Cost: that of the density.

    Args:
        log_prob: Codes to log densities in nats, through which gradients pass; a constant added to all makes
            no difference.
        codes: Where the data are: a table, an array (N, D) with N >= 2, or a pair (mean, logvar), of which
            only means are read.
        weight: Of the cost, a nat below. Must be >= 0.
        dtype: Of the codes that the density is given to find q_10, as in `Search`.
        device: Where they are.

    Raises:
        ValueError: If codes are malformed, a log density of theirs is not finite, or weight < 0.
    """
    mean, _ = code_arrays(codes, rows=2)
    _check_weight(weight)
    with torch.no_grad():
        values = log_prob(torch.as_tensor(mean, dtype=dtype, device=device)).double().cpu()
    if not torch.isfinite(values).all():
        raise ValueError("density_cost needs finite log densities of all codes, but some are not")
    level = float(values.quantile(1 - _FREE))
    return _from_zero(lambda z: level - log_prob(z), weight)


def ensemble_cost(
    decode: Sequence[Decoder],
    codes: CodesLike,
    *,
    weight: float = 1.0,
    dtype: torch.dtype = torch.float32,
    device: str = "cpu",
) -> Cost:
    r"""Cost of being where decoders disagree, which were fitted on the same codes from different seeds.

    .. math:: c(z) = w \max\left(0, \frac{v(z)}{v_{90}} - 1\right)

    with v(z) the variance over the decoders, a mean over what they decode to, and v_90 the value that nine
    tenths of the codes stay below.

    Null: 0 at nine tenths of the codes. Cost: a pass of each decoder.

    Args:
        decode: Two decoders or more, as `geodesic_paths` takes them.
        codes: Where the data are: a table, an array (N, D) with N >= 2, or a pair (mean, logvar), of which
            only means are read.
        weight: Of the cost. Must be >= 0.
        dtype: Of the codes that the decoders are given to find v_90, as in `Search`.
        device: Where they are.

    Raises:
        TypeError: If there is a decoder that is none.
        ValueError: If there are fewer than two decoders, they agree everywhere, one does not give one row a
            code, codes are malformed, or weight < 0.
    """
    decoders = decoders_of(decode, "ensemble_cost")
    if len(decoders) < 2:
        raise ValueError(f"ensemble_cost needs two decoders or more, but got {len(decoders)}")
    mean, _ = code_arrays(codes, rows=2)
    _check_weight(weight)

    def variance(z: Tensor) -> Tensor:
        found = [each(z) for each in decoders]
        for each in found:
            check_decoded(each.shape, len(z))
        return torch.stack([each.flatten(1) for each in found]).var(0).mean(1)

    level = _level(variance, torch.as_tensor(mean, dtype=dtype, device=device), "variances over decoders")
    return _from_zero(lambda z: variance(z) / level - 1, weight)


def _check_weight(weight: float) -> None:
    if not 0 <= weight < np.inf:
        raise ValueError(f"a cost needs weight >= 0, but got {weight}")


def _from_zero(cost: Cost, weight: float) -> Cost:
    return lambda z: weight * cost(z).clamp(min=0)


@torch.no_grad()
def _level(of: Cost, codes: Tensor, what: str) -> float:
    """The value that nine tenths of the codes stay below, on evenly chosen ones where they are many."""
    chosen = torch.linspace(0, len(codes) - 1, min(len(codes), _SAMPLE)).round().long()
    values = torch.cat([of(codes[part]) for part in chosen.split(_AT_ONCE)]).double()
    level = float(values.quantile(_FREE))
    if not 0 < level < np.inf:
        raise ValueError(
            f"a cost needs finite {what} above 0 at the codes of the data, but a tenth of them lie at "
            f"{level} or above"
        )
    return level
