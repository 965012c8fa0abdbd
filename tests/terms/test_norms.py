import functools
import math

import pytest
import torch

from zscape.base import Draw, Posterior, needs_whole_batch
from zscape.model import GaussianHead
from zscape.terms import check_term, sparsity
from zscape.terms.norms import _need_of


def of_codes(mean, logvar=None, z=None):
    z = mean if z is None else z
    head = GaussianHead()
    return Draw(mean, None, Posterior(mean, logvar), z, head(z), Posterior, head, 0, 100)


@pytest.mark.parametrize("of", ["mean", "z", "outputs"])
def test_they_conform(of):
    term = functools.partial(sparsity, of=of)
    check_term(term)
    assert not needs_whole_batch(term)


def test_the_norm_of_each_kind_of_output():
    mean = torch.tensor([[1.0, -2.0], [0.0, 0.5]])
    logvar = torch.tensor([[-0.25, 0.0], [0.5, 0.0]])
    z = torch.tensor([[3.0, 0.0], [0.0, -1.0]])
    draw = of_codes(mean, logvar, z)
    assert sparsity(draw).item() == 1.75
    assert sparsity(draw, of="z").item() == 2.0
    assert sparsity(draw, of="outputs").item() == 1.75 + 0.375


def test_a_deterministic_encoder_has_one_kind_of_output():
    draw = of_codes(torch.tensor([[1.0, -2.0], [0.0, 0.5]]))
    assert {sparsity(draw, of=of).item() for of in ("mean", "z", "outputs")} == {1.75}


def test_where_each_is_zero():
    zeros = torch.zeros(50_000, 4, dtype=torch.float64)
    z = torch.randn(50_000, 4, dtype=torch.float64)
    prior = of_codes(zeros, zeros, z)
    assert sparsity(prior).item() == 0
    assert sparsity(prior, of="outputs").item() == 0
    assert sparsity(prior, of="z").item() == pytest.approx(4 * math.sqrt(2 / math.pi), rel=0.01)
    # Variances other than the prior's are outputs too.
    assert sparsity(of_codes(zeros, zeros - 1), of="outputs").item() == 4


def test_another_kind_is_refused():
    # Under pytest the annotation speaks first, elsewhere this message does.
    unchecked = getattr(_need_of, "__wrapped__", _need_of)
    with pytest.raises(ValueError, match="one of mean, z, outputs, but got 'logvar'"):
        unchecked("logvar")
