"""Geodesics: the shortest paths in the metric that a decoder pulls back from data to codes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Num
from torch import Tensor, nn

from zscape.checks import check_whole
from zscape.walk._descent import Descent, minimised
from zscape.walk.lengths import at_constant_speed, check_decoded, checked_paths, evenly, subdivided
from zscape.walk.lines import checked_ends, linear_path

Decoder = Callable[[Tensor], Tensor]
"""Codes (N, D) to what they stand for, (N, ...), row by row; gradients pass through."""

Cost = Callable[[Float[Tensor, "N D"]], Float[Tensor, "N"]]
"""What it costs to go where codes are: nothing where data are, see `distance_cost`."""

_MEASURED = 4  # chords along which each piece of what was found is measured
_COARSE = 1.05  # by what share that may make a path longer, where its pieces are fine enough


@dataclass(frozen=True, kw_only=True)
class Search:
    """How geodesics are looked for.

    Attributes:
        finer: Straight pieces of a path to each of its steps.
        iterations: At most so many.
        tolerance: A path has converged when its energy is estimated to be above its minimum by this share at
            most, see `GeodesicPaths`; its length then is by about half of it.
        batch: Pairs that are decoded together.
        dtype: Of the codes that the decoder is given.
        device: Where they are.

    Raises:
        TypeError: If finer, iterations or batch is no whole number.
        ValueError: If a number is out of range.
    """

    finer: int = 2
    iterations: int = 100
    tolerance: float = 1e-3
    batch: int = 16
    dtype: torch.dtype = torch.float32
    device: str = "cpu"

    def __post_init__(self) -> None:
        check_whole("finer", self.finer, least=1)
        check_whole("iterations", self.iterations)
        check_whole("batch", self.batch, least=1)
        if not self.tolerance > 0:
            raise ValueError(f"a search needs tolerance > 0, but got tolerance={self.tolerance}")


@dataclass(frozen=True, eq=False)
class GeodesicPaths:
    """Paths of least energy that were found, and how far the search came.

    Attributes:
        z: (P, T, D) codes, in steps of equal decoded length, whatever their cost.
        lengths: (P,) decoded, along four chords to each piece of the search; of several decoders their mean.
        energy: (I, P) before the first iteration and after each; with its cost, where there is one.
        iterations: (P,) until the path converged or no step led down.
        excess: (P,) by what share the energy is estimated to be above its minimum; the length is by about
            half of it. It is twice what the last half of the iterations gained, as where gains fade slowly,
            or 1,000 times what a quadratic would fall along the next step if that is less. On smooth decoders
            it is a bound, far too high; on a convolutional decoder of 64 latents it was 0.4 to 3 times the
            excess. Rounding hides what is less, in float32 1e-6.
        converged: (P,) whether that is at most the tolerance, and whether pieces are fine enough: not where
            four chords a piece make the path longer by over 5 %, as where one piece cuts through a curl of
            what is decoded. Then give more steps, or a `Search` with a higher `finer`.
    """

    z: Float[np.ndarray, "P T D"]
    lengths: Float[np.ndarray, "P"]
    energy: Float[np.ndarray, "I P"]
    iterations: Int[np.ndarray, "P"]
    excess: Float[np.ndarray, "P"]
    converged: Bool[np.ndarray, "P"]


def geodesic_paths(
    start: Num[np.ndarray, "P D"],
    end: Num[np.ndarray, "P D"],
    *,
    decode: Decoder | Sequence[Decoder],
    steps: int = 10,
    cost: Cost | None = None,
    begin: Num[np.ndarray, "P S D"] | None = None,
    search: Search | None = None,
) -> GeodesicPaths:
    r"""Paths from code to code along which what is decoded changes least, by descent on the energy of curves.

    The energy of a path of S straight pieces is

    .. math:: E = S \sum_i \left( \frac{1}{M} \sum_m |f_m(z_{i+1}) - f_m(z_i)|^2
        + s^2\, c\!\left(\tfrac{z_i + z_{i+1}}{2}\right) |z_{i+1} - z_i|^2 \right)

    with decoders f_m: that of a curve in the expected metric of the M decoders, the mean of J^T J, plus the
    cost c of leaving the data. E is the square of the length or above, and equal at constant speed, so the
    least energy is the shortest path. The factor s^2, the mean of |df|^2 / |dz|^2 along the straight line of
    the pair, gives the cost its unit: where c = 1, going costs as much again as it does on the line.

    One decoder is free to change little where no data are, and geodesics then cut through there. Several,
    fitted from different seeds, differ in their slopes there; a cost keeps away by itself: `distance_cost`,
    `density_cost`, `ensemble_cost`.

    What is found is a minimum near where the search begins, not always the least. All pairs of a batch are
    decoded together, each with a step of its own (limited-memory BFGS, preconditioned by the inverse
    Laplacian of the path), and leave the batch as they converge.

    Null: the straight line where the decoder is linear. Unchanged, but for its direction, when the ends
    change places.
    Bias: chords of decoded curves are too short by O(1 / S^2).
    Cost: about 1.2 passes forward and back for each iteration, of P S codes; 10 to 60 iterations are usual.
    Steps of what is found are even in what is decoded: it is cut anew, by lengths along four chords a piece.

    >>> found = geodesic_paths(np.zeros((1, 2)), np.ones((1, 2)), decode=lambda z: 3 * z, steps=2)
    >>> found.z[0].round(4).tolist(), found.converged.tolist()
    ([[0.0, 0.0], [0.5, 0.5], [1.0, 1.0]], [True])

    Args:
        start: Codes to begin at.
        end: Codes to end at.
        decode: Codes to data, such as `lambda z: model.decode(z).mean` of a model in evaluation mode; or
            several, of which each is the decoder of one model of the same codes.
        steps: From end to end, one less than points.
        cost: Of being where codes are; nothing if not given.
        begin: Paths to begin the search at, with the same ends, such as those of `graph_paths`; straight
            lines if not given.
        search: How it is done.

    Raises:
        TypeError: If a decoder is none, or gives no tensor, or one through which no gradient passes; or if
            steps is no whole number.
        ValueError: If ends are not of one shape and finite, begin has other ends, steps < 1, there is no
            decoder, one does not take codes of the dtype and on the device of the search or does not give one
            row a code, the cost is not one number >= 0 a code, or an energy is not finite.

    References:
        Shao et al., The Riemannian Geometry of Deep Generative Models, 2018; Arvanitidis et al., Latent Space
        Oddity, 2018; Tosi et al., Metrics for Probabilistic Geometries, 2014 (the expected metric). Differ
        in: the search, and the form of the cost.
    """
    start, end = checked_ends(start, end, steps)
    search = search or Search()
    decoders = decoders_of(decode, "geodesic_paths")
    if not decoders:
        raise ValueError("geodesic_paths needs one decoder or more, but got none")
    pieces = steps * search.finer
    begin = linear_path(start, end, steps=pieces) if begin is None else _begun(begin, start, end, pieces)
    starts = range(0, len(start), search.batch)
    parts = [_found(begin[first : first + search.batch], decoders, cost, search) for first in starts]
    return _together(parts, begin, steps, decoders, search)


def decoders_of(decode: object, owner: str) -> list[Decoder]:
    """One decoder, or several, as a list.

    Raises:
        TypeError: If one cannot be called.
    """
    # A list of modules counts as a module, which could be called; other modules are one decoder, whole.
    if isinstance(decode, nn.ModuleList) or (isinstance(decode, Iterable) and not callable(decode)):
        decoders: list[Any] = list(decode)
    else:
        decoders = [decode]
    for each in decoders:
        if not callable(each):
            raise TypeError(
                f"{owner} needs decoders, functions of codes such as `lambda z: run.model.decode(z).mean`, "
                f"but got {each!r}"
            )
    return decoders


def _begun(begin: np.ndarray, start: np.ndarray, end: np.ndarray, pieces: int) -> Float[np.ndarray, "P S D"]:
    begin = checked_paths(begin)
    if begin[:, 0].shape != start.shape or not (
        np.allclose(begin[:, 0], start) and np.allclose(begin[:, -1], end)
    ):
        raise ValueError(
            f"geodesic_paths needs paths to begin at with the same ends, {start.shape}, but got paths "
            f"{begin.shape} with others"
        )
    path = at_constant_speed(begin, steps=pieces)
    # Ends may be off by rounding.
    path[:, 0], path[:, -1] = start, end
    return path


def _found(
    begin: Float[np.ndarray, "P S D"], decoders: Sequence[Decoder], cost: Cost | None, search: Search
) -> Descent:
    """The search of one batch; its unknowns are the points between the ends."""
    path = torch.as_tensor(begin, dtype=search.dtype, device=search.device)
    negative = torch.zeros((), dtype=torch.bool, device=path.device)
    curve = _Curve(path[:, :1], path[:, -1:], decoders, cost, _mean_metric(path, decoders), negative)
    pieces = path.shape[1] - 1
    if pieces == 1:
        path = torch.cat([path[:, :1], path.mean(1, keepdim=True), path[:, 1:]], dim=1)
        pieces = 2
    inverse = _inverse_laplacian(pieces - 1).to(path)
    # Exact where the metric is the same everywhere and in all directions.
    scale = 2 * pieces * torch.where(curve.metric > 0, curve.metric, 1)
    descent = minimised(
        curve.energy,
        path[:, 1:-1],
        precondition=lambda slope: torch.einsum("kl,pld->pkd", inverse, slope) / scale[:, None, None],
        tolerance=search.tolerance,
        most=search.iterations,
    )
    if negative:
        raise ValueError(
            "geodesic_paths needs costs >= 0, but this cost is negative somewhere, where no path is the "
            "shortest; give it a floor, as in `lambda z: cost(z).clamp(min=0)`"
        )
    strange = ~torch.isfinite(descent.values[0])
    if strange.any():
        raise ValueError(
            "geodesic_paths needs decoded values and costs that are finite, but the energy of pair "
            f"{int(strange.nonzero()[0])} of a batch is {float(descent.values[0][strange][0])} where the "
            "search begins"
        )
    descent.unknowns = curve.whole(torch.arange(len(path), device=path.device), descent.unknowns)
    return descent


@dataclass(frozen=True)
class _Curve:
    """Energies of paths between given ends.

    Whether a cost was negative is noted, to be asked once: an accelerator would wait for each answer.
    """

    start: Float[Tensor, "P 1 D"]
    end: Float[Tensor, "P 1 D"]
    decoders: Sequence[Decoder]
    cost: Cost | None
    metric: Float[Tensor, "P"]
    negative: Bool[Tensor, ""]

    def whole(self, which: Int[Tensor, "A"], inner: Float[Tensor, "A K D"]) -> Float[Tensor, "A S D"]:
        """Paths with their ends."""
        return torch.cat([self.start[which], inner, self.end[which]], dim=1)

    def energy(self, which: Int[Tensor, "A"], inner: Float[Tensor, "A K D"]) -> Float[Tensor, "A"]:
        """Energy of each path."""
        path = self.whole(which, inner)
        pieces = path.shape[1] - 1
        energy = _mean_squares(path, self.decoders)
        if self.cost is not None:
            middles = (path[:, 1:] + path[:, :-1]) / 2
            paid = _paid(middles.flatten(0, 1), self.cost).reshape(len(path), pieces)
            self.negative.logical_or_((paid < 0).any())
            squares = path.diff(dim=1).square().sum(2)
            energy = energy + self.metric[which] * (paid * squares).sum(1)
        return pieces * energy


def _mean_squares(path: Float[Tensor, "P S D"], decoders: Sequence[Decoder]) -> Float[Tensor, "P"]:
    """Squared decoded lengths of the pieces of each path, added up, a mean over the decoders."""
    squares = [_decoded(path, decode).diff(dim=1).square().sum((1, 2)) for decode in decoders]
    return torch.stack(squares).mean(0)


def _decoded(path: Float[Tensor, "P S D"], decode: Decoder) -> Float[Tensor, "P S F"]:
    codes = path.flatten(0, 1)
    try:
        found = decode(codes)
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:
        raise ValueError(
            f"decode was given codes {tuple(codes.shape)} of {codes.dtype} on {codes.device} and failed "
            f"({error}); where it takes codes of another kind, give search=Search(dtype=..., device=...)"
        ) from error
    detached = isinstance(found, Tensor) and path.requires_grad and not found.requires_grad
    if detached or not isinstance(found, Tensor):
        what = "a tensor without gradients" if detached else type(found).__name__
        raise TypeError(
            "geodesic_paths needs a decode of tensors, through which gradients pass, such as "
            f"`lambda z: run.model.decode(z).mean`, but this gives {what}"
        )
    check_decoded(found.shape, len(codes))
    return found.reshape(*path.shape[:2], -1)


def _paid(z: Float[Tensor, "N D"], cost: Cost) -> Float[Tensor, "N"]:
    paid = cost(z)
    if not isinstance(paid, Tensor) or paid.shape != (len(z),):
        what = tuple(paid.shape) if isinstance(paid, Tensor) else type(paid).__name__
        raise ValueError(
            f"geodesic_paths needs a cost of one number for each of {len(z)} codes, as a tensor, but this "
            f"gives {what}"
        )
    return paid


@torch.no_grad()
def _mean_metric(path: Float[Tensor, "P S D"], decoders: Sequence[Decoder]) -> Float[Tensor, "P"]:
    """Squared decoded length over squared length of codes, along the straight line between the ends."""
    share = torch.linspace(0, 1, path.shape[1], dtype=path.dtype, device=path.device)[:, None]
    line = torch.lerp(path[:, :1], path[:, -1:], share)
    squares = line.diff(dim=1).square().sum((1, 2))
    return torch.where(squares > 0, _mean_squares(line, decoders) / torch.where(squares > 0, squares, 1), 0)


def _inverse_laplacian(inner: int) -> Float[Tensor, "K K"]:
    r"""Inverse of the matrix with 2 on its diagonal and -1 beside it.

    .. math:: L^{-1}_{ij} = \min(i, j) - \frac{i j}{K + 1}
    """
    place = torch.arange(1, inner + 1, dtype=torch.float64)
    return torch.minimum(place[:, None], place) - place[:, None] * place / (inner + 1)


def _together(
    parts: Sequence[Descent],
    begin: np.ndarray,
    steps: int,
    decoders: Sequence[Decoder],
    search: Search,
) -> GeodesicPaths:
    longest = max((len(part.values) for part in parts), default=1)
    paths, lengths = [np.empty((0, steps + 1, begin.shape[2]))], [np.empty(0)]
    fine = [np.empty(0, bool)]
    for part in parts:
        nodes = part.unknowns.cpu().double().numpy()
        # Finer than the search was, since chords of a curve are too short.
        path = subdivided(nodes, _MEASURED)
        chords = _mean_chords(path, decoders, search)
        lengths.append(chords.sum(1))
        paths.append(evenly(path, chords, steps))
        fine.append(lengths[-1] <= _COARSE * _mean_chords(nodes, decoders, search).sum(1))
    z = np.concatenate(paths)
    z[:, 0], z[:, -1] = begin[:, 0], begin[:, -1]
    energies = [torch.stack(part.values + part.values[-1:] * (longest - len(part.values))) for part in parts]
    excess = [part.excess / torch.where(part.values[-1] > 0, part.values[-1], 1) for part in parts]
    return GeodesicPaths(
        z,
        np.concatenate(lengths),
        np.concatenate([np.empty((longest, 0)), *(each.cpu().double().numpy() for each in energies)], axis=1),
        np.concatenate([np.empty(0, np.int64), *(part.steps.cpu().numpy() for part in parts)]),
        np.concatenate([np.empty(0), *(each.cpu().double().numpy() for each in excess)]),
        np.concatenate([np.empty(0, bool), *(part.converged.cpu().numpy() for part in parts)])
        & np.concatenate(fine),
    )


@torch.no_grad()
def _mean_chords(
    paths: Float[np.ndarray, "P S D"], decoders: Sequence[Decoder], search: Search
) -> Float[np.ndarray, "P K"]:
    """Decoded lengths of the pieces of paths, means over decoders; path by path, as there are many pieces."""
    means = []
    for path in torch.as_tensor(paths, dtype=search.dtype, device=search.device):
        chords = [_decoded(path[None], decode).diff(dim=1).norm(dim=2) for decode in decoders]
        means.append(torch.cat(chords).mean(0))
    return torch.stack(means).cpu().double().numpy()
