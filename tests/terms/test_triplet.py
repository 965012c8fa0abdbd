import functools
import math
from dataclasses import replace

import pytest
import torch

from zscape.base import Draw, Posterior, needs_whole_batch
from zscape.model import GaussianHead
from zscape.terms import check_term, triplet
from zscape.terms.triplet import _distances, need_mining

FORMS = [(mining, squared) for mining in ("all", "hard", "semi-hard") for squared in (True, False)]


def of_codes(z, y):
    head = GaussianHead()
    labels = None if y is None else torch.as_tensor(y)
    return Draw(z, labels, Posterior(z), z, head(z), Posterior, head, 0, 100)


def by_loops(z, y, margin, mining, squared):
    """The definition, triplet by triplet."""

    def far(a, b):
        square = sum((float(p) - float(q)) ** 2 for p, q in zip(z[a], z[b], strict=True))
        return square if squared else math.sqrt(square)

    hinges = []
    for a in range(len(z)):
        positives = [far(a, p) for p in range(len(z)) if y[p] == y[a] and p != a]
        negatives = [far(a, n) for n in range(len(z)) if y[n] != y[a]]
        if not positives or not negatives:
            continue
        if mining == "all":
            pairs = [(p, n) for p in positives for n in negatives]
        elif mining == "hard":
            pairs = [(max(positives), min(negatives))]
        else:
            pairs = [(p, min([n for n in negatives if n > p], default=max(negatives))) for p in positives]
        hinges += [max(0.0, p - n + margin) for p, n in pairs]
    return sum(hinges) / len(hinges) if hinges else 0.0


@pytest.mark.parametrize(("mining", "squared"), [("all", True), ("hard", False), ("semi-hard", True)])
def test_it_conforms(mining, squared):
    term = functools.partial(triplet, mining=mining, squared=squared)
    check_term(term)
    assert needs_whole_batch(term)


@pytest.mark.parametrize(("mining", "squared"), FORMS)
@pytest.mark.parametrize("margin", [0.0, 0.3, 5.0])
def test_it_is_the_sum_over_triplets(mining, squared, margin):
    generator = torch.Generator().manual_seed(0)
    for count, classes in ((2, 1), (3, 2), (7, 3), (12, 5), (9, 9), (24, 2)):
        z = torch.randn(count, 3, generator=generator, dtype=torch.float64)
        y = torch.randint(classes, (count,), generator=generator)
        value = triplet(of_codes(z, y), margin=margin, mining=mining, squared=squared).item()
        assert value == pytest.approx(by_loops(z, y, margin, mining, squared), rel=1e-9, abs=1e-12)


def test_on_a_line_worked_by_hand():
    """Codes 0 and 2 of one class, 3 and 7 of another: squared distances 4, 9, 49, 1, 25 and 16."""
    draw = of_codes(torch.tensor([[0.0], [2.0], [3.0], [7.0]], dtype=torch.float64), [0, 0, 1, 1])
    # Of each anchor its positive against both negatives, margin 1:
    # 0: 4-9+1, 4-49+1; 2: 4-1+1, 4-25+1; 3: 16-9+1, 16-1+1; 7: 16-49+1, 16-25+1.
    assert triplet(draw).item() == pytest.approx((4 + 8 + 16) / 8)
    assert triplet(draw, mining="hard").item() == pytest.approx((0 + 4 + 16 + 0) / 4)
    # The nearest negative beyond the positive; of 3 none is beyond 16, so its farthest, 9.
    assert triplet(draw, mining="semi-hard").item() == pytest.approx((0 + 0 + 8 + 0) / 4)
    plain = triplet(draw, mining="hard", squared=False).item()
    assert plain == pytest.approx((0 + (2 - 1 + 1) + (4 - 1 + 1) + 0) / 4)


@pytest.mark.parametrize(("mining", "squared"), FORMS)
def test_its_gradient_is_that_of_the_definition(mining, squared):
    generator = torch.Generator().manual_seed(1)
    z = torch.randn(8, 2, generator=generator, dtype=torch.float64, requires_grad=True)
    y = torch.tensor([0, 0, 0, 1, 1, 2, 2, 3])
    (slope,) = torch.autograd.grad(triplet(of_codes(z, y), mining=mining, squared=squared), z)
    step = 1e-6
    for row in range(8):
        for column in range(2):
            ends = []
            for sign in (1, -1):
                moved = z.detach().clone()
                moved[row, column] += sign * step
                ends.append(by_loops(moved, y, 1.0, mining, squared))
            assert slope[row, column].item() == pytest.approx((ends[0] - ends[1]) / (2 * step), abs=1e-6)


@pytest.mark.parametrize(("mining", "squared"), FORMS)
def test_separated_classes_cost_nothing_and_one_point_the_margin(mining, squared):
    y = torch.arange(12) % 3
    z = 100.0 * y[:, None] + torch.randn(12, 4, generator=torch.Generator().manual_seed(0))
    assert triplet(of_codes(z, y), mining=mining, squared=squared).item() == 0
    point = of_codes(torch.full((12, 4), 3.0, requires_grad=True), y)
    value = triplet(point, margin=0.7, mining=mining, squared=squared)
    assert value.item() == pytest.approx(0.7, abs=1e-6)
    value.backward()
    assert torch.isfinite(point.z.grad).all()


@pytest.mark.parametrize(("mining", "squared"), FORMS)
def test_order_shift_rotation_and_names_of_classes_do_not_matter(mining, squared):
    generator = torch.Generator().manual_seed(2)
    z = torch.randn(20, 3, generator=generator, dtype=torch.float64)
    y = torch.randint(4, (20,), generator=generator)
    given = {"mining": mining, "squared": squared}
    value = triplet(of_codes(z, y), **given).item()
    order = torch.randperm(20, generator=generator)
    rotation = torch.linalg.qr(torch.randn(3, 3, generator=generator, dtype=torch.float64))[0]
    for codes, labels in ((z[order], y[order]), (z @ rotation + 5, y), (z, 70 - 9 * y)):
        assert triplet(of_codes(codes, labels), **given).item() == pytest.approx(value, rel=1e-9)
    scale = 4 if squared else 2
    larger = triplet(of_codes(2 * z, y), margin=float(scale), **given).item()
    assert larger == pytest.approx(scale * value, rel=1e-9)


@pytest.mark.parametrize(("mining", "squared"), FORMS)
@pytest.mark.parametrize("y", [[0, 0, 0, 0], [0, 1, 2, 3], [0]])
def test_a_batch_without_triplets_gives_0_and_a_gradient(y, mining, squared):
    z = torch.randn(len(y), 2, requires_grad=True)
    value = triplet(of_codes(z, y), mining=mining, squared=squared)
    assert value.item() == 0
    value.backward()
    assert torch.equal(z.grad, torch.zeros_like(z))


def test_an_anchor_alone_in_its_class_has_no_triplet():
    z = torch.randn(5, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    y = [0, 0, 1, 2, 3]
    for mining in ("all", "hard", "semi-hard"):
        assert triplet(of_codes(z, y), mining=mining).item() == pytest.approx(
            by_loops(z, y, 1.0, mining, True)
        )


def test_all_triplets_of_a_large_batch_need_no_cube():
    """2,000 codes have 4e9 pairs of a pair with a third: only the square of the batch is held."""
    y = torch.arange(2000) % 2
    z = y[:, None].float().expand(-1, 2) * 0.5
    # Every positive is at 0 and every negative at 0.5, for a margin of 1.
    assert triplet(of_codes(z, y)).item() == pytest.approx(0.5, rel=1e-4)


def test_far_from_the_origin_it_is_the_same():
    z = torch.randn(16, 3, generator=torch.Generator().manual_seed(3))
    y = torch.arange(16) % 4
    near, far = (triplet(of_codes(z + shift, y)).item() for shift in (0.0, 1000.0))
    assert far == pytest.approx(near, rel=1e-3)


def test_what_cannot_be_is_refused():
    draw = of_codes(torch.randn(4, 2), [0, 0, 1, 1])
    with pytest.raises(ValueError, match=r"all, hard, semi-hard, but got 'easy'"):
        # As triplet does; under pytest its annotation would speak first.
        need_mining("easy")
    for margin in (-1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="a finite margin >= 0, but got"):
            triplet(draw, margin=margin)
    with pytest.raises(ValueError, match="needs labels, but the batch has none"):
        triplet(replace(draw, y=None))


@pytest.mark.parametrize("mining", ["all", "hard", "semi-hard"])
def test_plain_distances_of_near_codes_far_out_keep_their_digits(mining):
    """Pairs 1e-4 apart at distances of 100: products of float32 leave 0.02 of them, or 0."""
    generator = torch.Generator().manual_seed(0)
    far = 100 * torch.nn.functional.normalize(torch.randn(16, 8, generator=generator))
    near = far + 1e-4 * torch.nn.functional.normalize(torch.randn(16, 8, generator=generator))
    z = torch.cat([far, near])
    y = torch.tensor([0, 1]).repeat_interleave(16)
    distances = _distances(z, squared=False)
    exact = (z.double()[:, None] - z.double()).norm(dim=2)
    assert torch.allclose(distances.double(), exact, rtol=1e-5, atol=0)
    value = triplet(of_codes(z, y), margin=0.0, mining=mining, squared=False).item()
    # Two that are as far to float32 may change places.
    assert value == pytest.approx(by_loops(z, y, 0.0, mining, False), rel=1e-5, abs=1e-4)
    close = triplet(of_codes(z, torch.arange(16).repeat(2)), margin=2e-4, mining="hard", squared=False).item()
    assert close == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(("mining", "squared"), FORMS)
def test_equal_codes_have_a_gradient_that_is_finite(mining, squared):
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(6, 3, generator=generator).repeat(2, 1).requires_grad_()
    y = torch.tensor([0, 1, 2]).repeat(4)
    (slope,) = torch.autograd.grad(triplet(of_codes(z, y), mining=mining, squared=squared), z)
    assert torch.isfinite(slope).all()
    # The pull of one code on another is 1 at most, of plain distances.
    assert squared or slope.norm(dim=1).max() <= 4


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize(("mining", "squared"), FORMS)
def test_codes_of_half_precision_are_those_of_any_as_far_as_they_go(mining, squared, dtype):
    z = torch.randn(12, 3, generator=torch.Generator().manual_seed(0)).to(dtype).requires_grad_()
    y = torch.arange(12) % 3
    value = triplet(of_codes(z, y), mining=mining, squared=squared)
    assert value.dtype == dtype
    exact = triplet(of_codes(z.detach().double(), y), mining=mining, squared=squared).item()
    assert value.item() == pytest.approx(exact, rel=0.1)
    value.backward()
    assert torch.isfinite(z.grad).all()
    assert z.grad.any()
