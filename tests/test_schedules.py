import math

import pytest

from zscape.schedules import CosineDecay, Cyclical, ExponentialApproach, ExponentialDecay, Warmup, at


def test_a_number_is_constant():
    assert at(0.5, 0) == at(0.5, 10_000) == 0.5


def test_warmup_is_linear_then_constant():
    warmup = Warmup(start=1.0, stop=3.0, steps=4)
    assert [warmup(step) for step in range(6)] == [1.0, 1.5, 2.0, 2.5, 3.0, 3.0]


def test_cyclical_repeats_and_holds_after_its_ramp():
    cyclical = Cyclical(stop=2.0, period=10, ramp=0.2)
    assert [cyclical(step) for step in (0, 1, 2, 9)] == [0.0, 1.0, 2.0, 2.0]
    assert all(cyclical(step) == cyclical(step + 10) for step in range(10))


def test_cosine_starts_and_stops_where_it_should():
    cosine = CosineDecay(start=1.0, stop=0.1, steps=110, warmup=10)
    assert cosine(0) == pytest.approx(0.1)
    assert cosine(10) == pytest.approx(1.0)
    assert cosine(60) == pytest.approx(0.55)
    assert cosine(110) == cosine(500) == pytest.approx(0.1)


def test_exponential_is_the_published_sketch_schedule():
    decay = ExponentialDecay(start=1e-3, factor=0.9999, floor=1e-5)
    assert decay(1000) == pytest.approx(1e-3 * math.exp(1000 * math.log(0.9999)))
    assert decay(10**6) == 1e-5


def test_exponential_approach_is_sketch_rnns_weight_of_the_kl():
    """definitions.md 3.1: from 0.01 towards 0.5 at 0.99995 a step; and its learning rate."""
    annealed = ExponentialApproach(start=0.01, stop=0.5, factor=0.99995)
    assert annealed(0) == pytest.approx(0.01)
    assert annealed(20_000) == pytest.approx(0.5 - 0.49 * math.exp(20_000 * math.log(0.99995)))
    assert annealed(10**7) == pytest.approx(0.5)
    unit = ExponentialApproach(start=0.01, stop=1.0, factor=0.99995)
    assert unit(1000) == pytest.approx(1 - (1 - 0.01) * 0.99995**1000)
    rate = ExponentialApproach(start=1e-3, stop=1e-5, factor=0.9999)
    assert rate(1000) == pytest.approx((1e-3 - 1e-5) * 0.9999**1000 + 1e-5)


@pytest.mark.parametrize(
    ("make", "needed"),
    [
        (lambda: Warmup(stop=1.0, steps=0), "steps >= 1"),
        (lambda: Cyclical(stop=1.0, period=0), "period >= 1"),
        (lambda: Cyclical(stop=1.0, period=5, ramp=0.0), "0 < ramp <= 1"),
        (lambda: CosineDecay(start=1.0, steps=0), "steps >= 1"),
        (lambda: CosineDecay(start=1.0, steps=5, warmup=5), "warmup < steps"),
        (lambda: ExponentialDecay(start=1.0, factor=1.1), "0 < factor <= 1"),
        (lambda: ExponentialApproach(start=0.0, stop=1.0, factor=0.0), "0 < factor <= 1"),
    ],
)
def test_what_cannot_be_is_refused(make, needed):
    with pytest.raises(ValueError, match=needed):
        make()
