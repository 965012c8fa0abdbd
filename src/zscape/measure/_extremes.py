r"""The closest and the furthest pairs of a set, exact, from products of low precision.

Each block of all pairs is multiplied once, in bfloat16 where the processor is quicker at that, else in
float32. A product is off by its rounding, which is bounded: with u = 2^-24, F features, and rounding of a row
to the numbers that are multiplied of at most rho of its length, a squared distance is off by at most

.. math:: c\,(|x|^2 + |y|^2), \quad c = 2\rho + \rho^2 + (1 + \rho)^2 (2 (F + 8) u + r)

with r = 2^-8 for the rounding of a product that is kept in bfloat16. Whatever that bound does not rule out is
computed again in float64, from the differences, so that pairs and distances are those of the data. Where very
many pairs of a block are left, products in float64 thin them out first.
"""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float, Int, Num
from torch import Tensor

from zscape.arithmetic import fast_products
from zscape.measure._neighbours import squares_between
from zscape.measure._rows import BLOCK, center_of

# Rows and columns of a block: its products, bounds and comparisons stay in the third-level cache.
TILE = 1024
# Pairs of a block that are computed from their differences rather than by a product in float64 first, and at
# a time, before what is left is held against the better limit.
_MANY = 4096
_ROUNDOFF, _HALF_ROUNDOFF, _DOUBLE_ROUNDOFF = 2.0**-24, 2.0**-8, 2.0**-53
# Rows by which the others are scaled, and the squared length, in their units, at which they are scaled anew.
_SAMPLE, _FAR = 256, 1e6
# Squares of rows are near 1; smaller differences than this are left to float64.
_TINY = 1e-20
_HALF = torch.bfloat16


@dataclass(eq=False)
class Extreme:
    """The k best pairs so far: of least distance for sign 1, of greatest for sign -1; ties by row numbers.

    Attributes:
        sign: 1 or -1.
        most: How many pairs are kept, k.
        keys: Squared distances times the sign, ascending.
        i: First rows.
        j: Second rows.
    """

    sign: int
    most: int
    keys: Float[np.ndarray, "P"] = field(default_factory=lambda: np.empty(0))
    i: Int[np.ndarray, "P"] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    j: Int[np.ndarray, "P"] = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    @property
    def limit(self) -> float:
        """Key of the last pair; infinite while there are too few."""
        return float(self.keys[-1]) if len(self.keys) == self.most else np.inf

    @property
    def last(self) -> int:
        """Number of first rows after which no pair can be better, as nothing is nearer than 0."""
        return int(self.i[-1]) if self.sign > 0 and self.limit == 0 else np.iinfo(np.int64).max

    def merge(self, squares: np.ndarray, i: np.ndarray, j: np.ndarray) -> None:
        """Take in pairs with their squared distances; those known already change nothing."""
        keys = np.concatenate([self.keys, self.sign * squares])
        i, j = np.concatenate([self.i, i]), np.concatenate([self.j, j])
        order = np.lexsort((j, i, keys))
        i, j = i[order], j[order]
        new = np.ones(len(i), dtype=bool)
        new[1:] = (np.diff(i) != 0) | (np.diff(j) != 0)
        kept = np.flatnonzero(new)[: self.most]
        self.keys, self.i, self.j = keys[order][kept], i[kept], j[kept]


@dataclass(frozen=True, slots=True, eq=False)
class Ready:
    """Chosen rows of a set, ready to be multiplied: places 0, 1, ... are the rows `order` of the set.

    Attributes:
        rows: The whole set, as it was given.
        order: Row of each place.
        center: What is subtracted.
        scale: What the differences are divided by, so that lengths are near 1.
        factors: The results, in the dtype that is multiplied.
        norms: Their squared lengths before that rounding.
        error: c, above.
    """

    rows: Num[np.ndarray, "N F"]
    order: Int[np.ndarray, "P"]
    center: Float[np.ndarray, "F"]
    scale: float
    factors: Tensor
    norms: Float[np.ndarray, "P"]
    error: float

    @classmethod
    def of(cls, rows: Num[np.ndarray, "N F"], order: Int[np.ndarray, "P"]) -> Ready:
        """Center, scale and round the rows; the set itself is neither changed nor copied.

        Cost: O(P F) time; P F numbers of two or four bytes.
        """
        dtype = _HALF if _bfloat16_pays() else torch.float32
        center = center_of(rows)
        factors = torch.empty((len(order), rows.shape[1]), dtype=dtype)
        # That of rows spread over all will do, unless others lie much further out.
        scale = _longest(rows[order[:: -(-len(order) // _SAMPLE)]], center)
        norms, ratio = _rounded(rows, order, center, scale, factors)
        if not norms.max() < _FAR:
            scale = max(_longest(rows[order[some]], center) for some in _parts(0, len(order)))
            norms, ratio = _rounded(rows, order, center, scale, factors)
        # The rounding of the bounds themselves is added twice over.
        product = 2 * (rows.shape[1] + 8) * _ROUNDOFF + (_HALF_ROUNDOFF if dtype == _HALF else 0.0)
        error = 1.01 * (2 * ratio + ratio**2 + (1 + ratio) ** 2 * product) + 8 * _ROUNDOFF
        return cls(rows, order, center, scale, factors, norms, error)

    def search(self, here: slice, there: slice, *, k: int, signs: tuple[int, ...]) -> list[Extreme]:
        """Best pairs of a place in `here` and one in `there`, for each sign; of equal ones each pair once.

        Cost: O(P Q F) time for P and Q places, half of that for equal ones; memory for one block.

        Args:
            here: Places of first rows.
            there: Places of second rows; the same slice, or one that shares no place with it.
            k: Pairs for each sign.
            signs: 1 for the closest, -1 for the furthest.
        """
        found = [Extreme(sign, k) for sign in signs]
        with _products(self.factors.dtype):
            for block in self._blocks(here, there):
                for best in found:
                    _Search(self, best, block).run()
        return found

    def _blocks(self, here: slice, there: slice) -> Iterator[_Block]:
        room, products = torch.empty(TILE * TILE), torch.empty(TILE * TILE, dtype=self.factors.dtype)
        for left in _parts(here.start, here.stop):
            for right in _parts(left.start if here == there else there.start, there.stop):
                height, width = left.stop - left.start, right.stop - right.start
                out = products[: height * width].view(height, width)
                torch.mm(self.factors[left], self.factors[right].T, out=out)
                yield _Block(left, right, out, room[: height * width].view(height, width), left == right)


@dataclass(frozen=True, slots=True)
class _Block:
    left: slice
    right: slice
    products: Tensor
    room: Tensor
    diagonal: bool


@dataclass(frozen=True, slots=True)
class _Search:
    """What a block has that is better than the best so far."""

    ready: Ready
    best: Extreme
    block: _Block

    def run(self) -> None:
        block, best = self.block, self.best
        if self.ready.order[block.left.start] > best.last:
            return
        # Bounds from below of the keys, less what depends on the row alone.
        columns = torch.from_numpy(self._part(block.right).astype(np.float32))
        low = torch.add(columns, block.products, alpha=-2 * best.sign, out=block.room)
        if block.diagonal:
            low.masked_fill_(torch.ones(low.shape, dtype=torch.bool).tril_(), torch.inf)
        own = self._part(block.left)
        if np.isinf(best.limit):
            some = (low + torch.from_numpy(own.astype(np.float32))[:, None]).flatten()
            _, places = torch.topk(some, min(best.most, len(some)), largest=False)
            self._settle(*np.divmod(places[torch.isfinite(some[places])].numpy(), low.shape[1]))
        limits = self._limits(own)
        rows = np.flatnonzero(low.amin(dim=1).numpy() <= limits)
        if len(rows):
            bounds = low.numpy()[rows]
            i, j = np.divmod(np.flatnonzero(bounds <= limits[rows, None]), low.shape[1])
            order = np.argsort(bounds[i, j] + own[rows[i]], kind="stable")
            self._judge(rows[i[order]], j[order])

    def _part(self, places: slice) -> np.ndarray:
        """What the squared length of each row adds to the bounds."""
        return (self.best.sign - self.ready.error) * self.ready.norms[places]

    def _limits(self, own: np.ndarray) -> np.ndarray:
        """What the bounds of each row are held against, rounded upward; infinite bounds are above it."""
        limit = self.best.limit / self.ready.scale**2
        if np.isinf(limit):
            return np.full(len(own), np.finfo(np.float32).max)
        return (limit - own + 8 * _ROUNDOFF * (abs(limit) + np.abs(own)) + _TINY).astype(np.float32)

    def _judge(self, i: np.ndarray, j: np.ndarray) -> None:
        """Settle pairs of the block, the most promising first, as long as they can be better."""
        low = np.full(len(i), -np.inf)
        if len(i) > _MANY:
            low = self._double_bounds(i, j)
            order = np.argsort(low, kind="stable")
            i, j, low = i[order], j[order], low[order]
        while len(i):
            self._settle(i[:_MANY], j[:_MANY])
            i, j, low = i[_MANY:], j[_MANY:], low[_MANY:]
            kept = (low <= self.best.limit) & (self.ready.order[self.block.left][i] <= self.best.last)
            i, j, low = i[kept], j[kept], low[kept]

    def _double_bounds(self, i: np.ndarray, j: np.ndarray) -> np.ndarray:
        """Bounds of the keys of pairs by products in float64, in the units of the data."""
        rows, at = np.unique(i, return_inverse=True)
        order = self.ready.order[self.block.left][rows], self.ready.order[self.block.right]
        x, y = (self.ready.rows[each].astype(np.float64) - self.ready.center for each in order)
        error = 4 * (x.shape[1] + 8) * _DOUBLE_ROUNDOFF
        own, others = (np.square(each).sum(axis=1) * (self.best.sign - error) for each in (x, y))
        return own[at] + others[j] - 2 * self.best.sign * (x @ y.T)[at, j]

    def _settle(self, i: np.ndarray, j: np.ndarray) -> None:
        order, rows = self.ready.order, self.ready.rows
        first, second = order[self.block.left][i], order[self.block.right][j]
        self.best.merge(squares_between(rows, rows, first, second), first, second)


def _longest(rows: np.ndarray, center: np.ndarray) -> float:
    """Length of the row that is furthest from the center; 1 where all are there."""
    return float(np.sqrt(np.square(rows.astype(np.float64) - center).sum(axis=1).max())) or 1.0


def _rounded(
    rows: np.ndarray, order: np.ndarray, center: np.ndarray, scale: float, factors: Tensor
) -> tuple[np.ndarray, float]:
    """Fill in the factors; squared length of each row, and the most that is lost of one, as its share."""
    norms, ratio = np.empty(len(order)), 0.0
    step = max(1, BLOCK // rows.shape[1])
    for start in range(0, len(order), step):
        some = slice(start, start + step)
        exact = np.subtract(rows[order[some]], center, dtype=np.float64)
        exact *= 1 / scale
        np.einsum("nf,nf->n", exact, exact, out=norms[some])
        single = torch.from_numpy(exact).float()
        factors[some] = single
        lost = single.sub_(factors[some]).square_().sum(dim=1).sqrt_().numpy()
        ratio = max(ratio, float((lost / np.maximum(np.sqrt(norms[some]), _TINY)).max()))
    return norms, ratio + 4 * _ROUNDOFF


def _parts(start: int, stop: int) -> Iterator[slice]:
    for begin in range(start, stop, TILE):
        yield slice(begin, min(begin + TILE, stop))


def _products(dtype: torch.dtype) -> contextlib.AbstractContextManager[None]:
    return contextlib.nullcontext() if dtype == _HALF else fast_products(torch.device("cpu"))


@functools.cache
def _bfloat16_pays() -> bool:
    """Whether bfloat16 is multiplied right, its sums being kept in float32, and faster than float32.

    Both are tried, once: what a processor has units for is no matter of its name. The answer changes how
    long a search takes and not what it finds.
    """
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(2, 384, 2048, generator=generator).unbind()
    # Of rows in one direction the rounding of the product itself counts, of others that of the sum.
    b[:64] = a[:64]
    rounded = a.to(_HALF), b.to(_HALF)
    exact = rounded[0].double() @ rounded[1].double().T
    lengths = a.norm(dim=1)[:, None] * b.norm(dim=1)
    off = (rounded[0] @ rounded[1].T).double().sub_(exact).abs_()
    if (off > _HALF_ROUNDOFF * exact.abs() + 2 * 2056 * _ROUNDOFF * lengths).any():
        return False
    with fast_products(torch.device("cpu")):
        return _seconds(*rounded) < _seconds(a, b)


def _seconds(a: Tensor, b: Tensor) -> float:
    times = []
    for _ in range(3):
        begun = time.perf_counter()
        torch.mm(a, b.T)
        times.append(time.perf_counter() - begun)
    return min(times)
