"""Codes are kept where the judge gives their own label enough probability."""

import numpy as np
import pytest

from zscape.base import Codes
from zscape.sample import recognised

Z = np.array([[0.0, 1.0], [0.5, 0.5], [0.9, 0.1], [0.2, 0.8]])
Y = np.array([7, 7, 4, 4])


class Pixels:
    """Reads the probabilities of 7 and 4 off the picture."""

    classes_ = np.array([4, 7])

    def __call__(self, pictures):
        return pictures


def decode(z):
    return z.astype(np.float32)


def test_by_hand():
    table = Codes(np.arange(4), np.full(4, "train"), Z.astype(np.float32), label=Y)
    assert recognised(Z, decode, Pixels(), labels=Y).tolist() == [True, False, True, False]
    assert recognised(table, decode, Pixels(), least=0.5).tolist() == [True, True, True, False]
    assert recognised(Z, decode, Pixels(), labels=Y, least=0).all()
    assert recognised(Z, decode, Pixels(), labels=Y[::-1]).tolist() == [False, False, False, False]
    # Without classes of its own, columns follow the sorted labels.
    assert recognised(Z, decode, lambda pictures: pictures, labels=Y).tolist() == [True, False, True, False]


def test_many_rows_are_decoded_in_blocks():
    sizes = []

    def counted(z):
        sizes.append(len(z))
        return decode(z)

    rows = np.random.default_rng(0).integers(0, 4, 2500)
    kept = recognised(Z[rows], counted, Pixels(), labels=Y[rows])
    assert np.array_equal(kept, np.isin(rows, [0, 2]))
    assert sizes == [1024, 1024, 452]


def test_bad_input_is_refused():
    for wrong, message in (
        ({"labels": None}, "the codes have none"),
        ({"labels": Y[:-1]}, "one label each"),
        ({"labels": Y, "least": 1.1}, r"least in \[0, 1\]"),
        ({"labels": Y, "least": float("nan")}, r"least in \[0, 1\]"),
        ({"labels": Y + 1}, "lacks 5"),
    ):
        with pytest.raises(ValueError, match=message):
            recognised(Z, decode, Pixels(), **wrong)
    with pytest.raises(ValueError, match="must give 4 pictures"):
        recognised(Z, lambda z: z[1:], Pixels(), labels=Y)
