"""Numbers that are settings: what is refused, and that the message says what came."""

import math
from fractions import Fraction

import numpy as np
import pytest

from zscape.checks import check_number, check_whole
from zscape.measure import _kernels


@pytest.mark.parametrize("value", ["inf", None, True, 1j, [2.0]])
def test_what_is_no_number_is_a_type_error(value):
    with pytest.raises(TypeError, match="order needs to be a number >= 0, but is "):
        check_number("order", value, least=0)
    with pytest.raises(TypeError, match="seed needs to be a whole number >= 0, but is "):
        check_whole("seed", value)


@pytest.mark.parametrize("value", [2.0, math.inf, np.float32(3)])
def test_a_fraction_is_a_number_but_not_whole(value):
    check_number("order", value, least=0)
    with pytest.raises(TypeError, match="whole number"):
        check_whole("seed", value)


def test_what_is_too_small_or_no_number_at_all_is_a_value_error():
    for value in (-1, -0.5, math.nan, np.float64(-3)):
        with pytest.raises(ValueError, match=f"but is .*{value}"):
            check_number("order", value, least=0)
    for value in (0, np.int64(-2)):
        with pytest.raises(ValueError, match=f"neighbours needs to be a whole number >= 1, but is .*{value}"):
            check_whole("neighbours", value, least=1)
    for value in (1, np.int64(7), np.uint8(1)):
        check_whole("neighbours", value, least=1)
        check_number("order", value, least=1)


@pytest.mark.parametrize(("value", "error"), [(None, TypeError), (True, TypeError), ("mean", ValueError)])
def test_bandwidths_of_other_types_are_refused(value, error):
    # Without annotations that a type checker would refuse first.
    bandwidth_of = getattr(_kernels.bandwidth_of, "__wrapped__", _kernels.bandwidth_of)
    with pytest.raises(error, match=r'"median", "dimension" or a finite number > 0, but is '):
        bandwidth_of(value, np.eye(3), seed=0)


@pytest.mark.parametrize("given", [2, np.float32(2), np.float16(2), np.int8(2), Fraction(2)])
def test_a_bandwidth_of_any_real_type_is_a_float(given):
    bandwidth_of = getattr(_kernels.bandwidth_of, "__wrapped__", _kernels.bandwidth_of)
    found = bandwidth_of(given, np.ones((3, 2)), seed=0)
    assert (found, type(found)) == (2.0, float)
