"""Costs of leaving the data: nothing where data are, and paths that keep to them."""

import numpy as np
import pytest
import torch
from torch import nn

from zscape import walk

RNG = np.random.default_rng(0)
# Data on three quarters of a ring, and a decoder that knows nothing of the hole in its middle.
TURN = np.linspace(0, 1.5 * np.pi, 300)
RING = np.stack([np.cos(TURN), np.sin(TURN)], axis=1) * (1 + 0.05 * RNG.normal(size=(300, 1)))


def nearest(path):
    """Of the points of a path, the least distance from the middle of the ring."""
    return np.linalg.norm(path, axis=1).min()


@pytest.mark.parametrize("kind", ["distance", "density", "ensemble"])
def test_a_cost_keeps_a_path_on_the_data(kind):
    def middle(z):
        return torch.exp(-4 * z.square().sum(1, keepdim=True))

    decoders = [lambda z: z, lambda z: z + middle(z), lambda z: z - middle(z)]
    costs = {
        "distance": lambda: walk.distance_cost(RING, neighbours=5),
        "density": lambda: walk.density_cost(lambda z: -100 * (z.norm(dim=1) - 1) ** 2, RING, weight=0.5),
        "ensemble": lambda: walk.ensemble_cost(decoders, RING),
    }
    ends = RING[[30]], RING[[180]]
    begin = walk.graph_paths(*ends, codes=RING, steps=20).z
    free = walk.geodesic_paths(*ends, decode=lambda z: z, begin=begin)
    kept = walk.geodesic_paths(*ends, decode=lambda z: z, cost=costs[kind](), begin=begin)
    assert nearest(free.z[0]) < 0.75
    assert nearest(kept.z[0]) > 0.9
    assert kept.lengths[0] > free.lengths[0]
    assert kept.converged.all()


def test_costs_of_models_in_another_precision_are_those_of_any():
    """A linear layer takes codes of its own kind only."""
    layers = [torch.nn.Linear(2, 5) for _ in range(2)]
    z = torch.tensor([[0.1, 0.2], [3.0, 0.0]])

    def costs(dtype):
        for layer in layers:
            layer.to(dtype)
        density = walk.density_cost(lambda z: -layers[0](z).square().sum(1), RING, dtype=dtype)
        ensemble = walk.ensemble_cost(layers, RING, dtype=dtype, device="cpu")
        found = walk.geodesic_paths(
            RING[[30]], RING[[180]], decode=layers, cost=ensemble, search=walk.Search(dtype=dtype)
        )
        return *(cost(z.to(dtype)) for cost in (density, ensemble)), found.lengths

    single, double = costs(torch.float32), costs(torch.float64)
    assert [each.dtype for each in double[:2]] == [torch.float64] * 2
    for one, other in zip(single[:2], double[:2], strict=True):
        np.testing.assert_allclose(one.detach(), other.detach(), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(single[2], double[2], rtol=1e-2)


@pytest.mark.parametrize("weight", [0.1, 1.0, 10.0])
def test_decoded_steps_are_even_whatever_the_cost(weight):
    def decode(z):
        return torch.stack([torch.sinh(2 * z[:, 0]), z[:, 1], z[:, 0] * z[:, 1]], dim=1)

    ends = RING[[30]], RING[[180]]
    begin = walk.graph_paths(*ends, codes=RING, steps=20).z
    cost = walk.distance_cost(RING, neighbours=5, weight=weight)
    found = walk.geodesic_paths(*ends, decode=decode, cost=cost, begin=begin)
    even, uneven = (
        walk.step_lengths(z, decode=lambda z: decode(torch.tensor(z)).numpy(), finer=20)[0]
        for z in (found.z, walk.at_constant_speed(found.z))
    )
    np.testing.assert_allclose(even, even.mean(), rtol=0.03)
    assert uneven.std() > 0.1 * uneven.mean()


def test_a_cost_is_nothing_where_data_are_and_rises_from_there():
    cost = walk.distance_cost(RING, neighbours=5)
    paid = cost(torch.tensor(RING))
    assert (paid > 0).double().mean() <= 0.1
    z = torch.tensor([[0.8, 0.0], [0.5, 0.0], [0.0, 0.0]], dtype=torch.float32, requires_grad=True)
    paid = cost(z)
    assert (paid.diff() > 0).all()
    paid.sum().backward()
    assert (z.grad[:2, 0] < 0).all()
    np.testing.assert_allclose(
        walk.distance_cost(RING, neighbours=5, weight=3.0)(z.detach()), 3 * paid.detach()
    )
    spread = np.sort(np.square(RING).sum(axis=1))[:5].mean()
    own = [np.sort(np.square(RING - each).sum(axis=1))[1:6].mean() for each in RING]
    assert paid[2].item() == pytest.approx(spread / np.quantile(own, 0.9) - 1, rel=1e-4)


def test_distance_to_codes_is_that_of_codes_moved_to_the_middle():
    codes = np.random.default_rng(0).normal(size=(300, 4))
    z = torch.as_tensor(codes[:50] * 1.5, dtype=torch.float32)
    near = walk.distance_cost(codes)(z)
    far = walk.distance_cost(codes + 1e4)(z + 1e4)
    torch.testing.assert_close(far, near, rtol=0.05, atol=0.02)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (
            lambda a: walk.distance_cost(a, neighbours=0),
            "neighbours needs to be a whole number >= 1, but is 0",
        ),
        (lambda a: walk.distance_cost(a, weight=-1.0), "weight >= 0, but got -1.0"),
        (lambda a: walk.distance_cost(np.ones((9, 2))), "distances above 0 at the codes"),
        (lambda a: walk.density_cost(lambda z: z[:, 0] / 0, a), "finite log densities"),
        (lambda a: walk.ensemble_cost([torch.sin], a), "two decoders or more, but got 1"),
        (lambda a: walk.ensemble_cost([torch.sin, torch.sin], a), "variances over decoders above 0"),
    ],
)
def test_what_cannot_be_is_refused(call, said):
    with pytest.raises(ValueError, match=said):
        call(np.full((3, 2), 0.5))


def test_the_share_of_codes_without_a_cost_is_as_stated():
    codes = np.random.default_rng(0).normal(size=(300, 3))
    for neighbours, share in ((1, 1.0), (2, 0.97), (10, 0.93)):
        paid = walk.distance_cost(codes, neighbours=neighbours)(torch.tensor(codes))
        assert (paid == 0).double().mean().item() == pytest.approx(share, abs=0.005)
    known, new = np.random.default_rng(1).normal(size=(2, 1500, 3))
    for neighbours in (1, 2, 10):
        paid = walk.distance_cost(known, neighbours=neighbours)(torch.tensor(new))
        assert (paid == 0).double().mean().item() == pytest.approx(0.9, abs=0.02)


def test_a_fraction_of_a_neighbour_is_refused():
    distance_cost = getattr(walk.distance_cost, "__wrapped__", walk.distance_cost)
    with pytest.raises(TypeError, match=r"neighbours needs to be a whole number >= 1, but is 2\.5"):
        distance_cost(RING, neighbours=2.5)


def test_decoders_of_an_ensemble_are_several_and_row_by_row():
    layers = [nn.Linear(2, 5) for _ in range(2)]
    ensemble_cost = getattr(walk.ensemble_cost, "__wrapped__", walk.ensemble_cost)
    one, same = (ensemble_cost(each, RING) for each in (layers, nn.ModuleList(layers)))
    z = torch.tensor([[3.0, 0.0]])
    assert torch.equal(one(z), same(z))
    # Its layers are no decoders, though it can be gone through.
    with pytest.raises(ValueError, match="two decoders or more, but got 1"):
        ensemble_cost(nn.Sequential(*layers), RING)
    with pytest.raises(
        ValueError, match=r"one row for each of 256 codes, \(256, ...\), but gives shape \(2, 256\)"
    ):
        walk.ensemble_cost([lambda z: z.T, lambda z: 2 * z.T], RING)
