"""Geodesics on decoders whose metric is known, what must not matter to them, and costs that keep to data."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from zscape import walk

RNG = np.random.default_rng(0)
EXACT = walk.Search(dtype=torch.float64, tolerance=1e-6, finer=4)


def sphere(z):
    """Codes in space to a sphere of radius 2: all that matters is where they lie seen from its middle."""
    return 2 * z / z.norm(dim=1, keepdim=True)


def globe(z):
    """Two angles, from the pole and around, to a sphere."""
    low, around = z[:, 0], z[:, 1]
    return torch.stack([low.sin() * around.cos(), low.sin() * around.sin(), low.cos()], dim=1)


def roll(z):
    return torch.stack([z[:, 0] * z[:, 0].cos(), z[:, 1], z[:, 0] * z[:, 0].sin()], dim=1)


def unrolled(turn):
    return 0.5 * (turn * np.sqrt(1 + turn**2) + np.arcsinh(turn))


def angles(count):
    return np.stack([RNG.uniform(0.5, 2.6, count), RNG.uniform(-1.2, 1.2, count)], axis=1)


def test_on_a_sphere_geodesics_are_great_circles():
    a, b = RNG.normal(size=(2, 20, 3))
    found = walk.geodesic_paths(a, b, decode=sphere)
    truth = np.arccos((a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1))
    np.testing.assert_allclose(found.lengths, 2 * truth, rtol=0.005)
    assert found.converged.all()
    seen = found.z / np.linalg.norm(found.z, axis=2, keepdims=True)
    arcs = walk.spherical_path(seen[:, 0], seen[:, -1])
    np.testing.assert_allclose(seen, arcs, atol=0.02)


@pytest.mark.parametrize("search", [EXACT, None])
def test_on_a_globe_geodesics_are_great_circles(search):
    a, b = angles(20), angles(20)
    found = walk.geodesic_paths(a, b, decode=globe, search=search)
    start, end = (globe(torch.tensor(each)).numpy() for each in (a, b))
    truth = np.arccos((start * end).sum(axis=1))
    np.testing.assert_allclose(found.lengths, truth, rtol=0.005)
    straight = walk.path_lengths(
        walk.linear_path(a, b), decode=lambda z: globe(torch.tensor(z)).numpy(), finer=4
    )
    assert (found.lengths < straight * 1.0001).all()
    assert (straight > 1.01 * truth).any()
    assert found.converged.all()
    # In the plane of its ends and the middle of the globe.
    points = globe(torch.tensor(found.z.reshape(-1, 2))).numpy().reshape(20, 11, 3)
    normal = np.cross(start, end)
    off = (points * normal[:, None]).sum(axis=2) / np.linalg.norm(normal, axis=1, keepdims=True)
    assert np.abs(off).max() < 0.05


def test_on_a_swiss_roll_geodesics_are_straight_when_it_is_unrolled():
    a, b = (np.stack([RNG.uniform(4, 14, 20), RNG.uniform(0, 20, 20)], axis=1) for _ in range(2))
    found = walk.geodesic_paths(a, b, decode=roll)
    truth = np.hypot(unrolled(a[:, 0]) - unrolled(b[:, 0]), a[:, 1] - b[:, 1])
    np.testing.assert_allclose(found.lengths, truth, rtol=0.002)
    flat = np.stack([unrolled(found.z[:, :, 0]), found.z[:, :, 1]], axis=2)
    np.testing.assert_allclose(flat, walk.linear_path(flat[:, 0], flat[:, -1]), atol=0.02 * truth.max())
    steps = walk.step_lengths(found.z, decode=lambda z: roll(torch.tensor(z)).numpy(), finer=20)
    np.testing.assert_allclose(
        steps, np.broadcast_to(steps.mean(axis=1, keepdims=True), steps.shape), rtol=0.03
    )


def test_of_a_linear_decoder_they_are_straight_lines_at_once():
    a, b = RNG.normal(size=(2, 5, 4))
    weight = torch.tensor(RNG.normal(size=(4, 9)))
    found = walk.geodesic_paths(a, b, decode=lambda z: z @ weight, search=EXACT)
    np.testing.assert_allclose(found.z, walk.linear_path(a, b), atol=1e-12)
    np.testing.assert_allclose(found.lengths, np.linalg.norm((b - a) @ weight.numpy(), axis=1))
    np.testing.assert_allclose(found.energy, found.lengths[None] ** 2)
    assert found.iterations.max() == 0
    bent = walk.linear_path(a, b, steps=6) + np.sin(np.linspace(0, np.pi, 7))[:, None] * RNG.normal(
        size=(5, 1, 4)
    )
    again = walk.geodesic_paths(a, b, decode=lambda z: z @ weight, search=EXACT, begin=bent)
    np.testing.assert_allclose(again.lengths, found.lengths, rtol=1e-4)
    assert (again.iterations > 0).all()


def test_the_way_back_is_the_same_and_pairs_do_not_matter_to_each_other():
    a, b = angles(7), angles(7)
    found = walk.geodesic_paths(a, b, decode=globe, search=EXACT)
    back = walk.geodesic_paths(b, a, decode=globe, search=EXACT)
    np.testing.assert_allclose(back.z[:, ::-1], found.z, atol=1e-6)
    alone = walk.geodesic_paths(a[3:4], b[3:4], decode=globe, search=EXACT)
    np.testing.assert_allclose(alone.z, found.z[3:4], atol=1e-6)
    small = walk.Search(dtype=torch.float64, tolerance=1e-6, finer=4, batch=2)
    np.testing.assert_allclose(walk.geodesic_paths(a, b, decode=globe, search=small).z, found.z, atol=1e-6)
    turn = np.linalg.qr(RNG.normal(size=(2, 2)))[0]
    turned = walk.geodesic_paths(
        a @ turn, b @ turn, decode=lambda z: globe(z @ torch.tensor(turn).T), search=EXACT
    )
    np.testing.assert_allclose(turned.z @ turn.T, found.z, atol=1e-3)


def test_energy_falls_to_the_square_of_the_length_and_is_recorded():
    a, b = angles(6), angles(6)
    found = walk.geodesic_paths(a, b, decode=globe, search=EXACT)
    assert (np.diff(found.energy, axis=0) <= 0).all()
    assert len(found.energy) == found.iterations.max() + 1
    np.testing.assert_allclose(found.energy[-1], found.lengths**2, rtol=2e-3)
    none = walk.geodesic_paths(a, b, decode=globe, search=walk.Search(iterations=0, tolerance=1e-6, finer=4))
    np.testing.assert_allclose(none.energy[0], found.energy[0], rtol=1e-5)
    assert not none.converged.any()
    assert (none.excess > 1e-6).all()


def network(z):
    """Four latents to fifty numbers, far from flat."""
    generator = torch.Generator().manual_seed(0)
    first, last = torch.randn(4, 32, generator=generator), torch.randn(32, 50, generator=generator)
    return torch.tanh(z @ first.to(z)) @ last.to(z) / 6


@pytest.mark.parametrize("decode", [sphere, globe, roll, network])
def test_what_is_said_to_have_converged_has(decode):
    """Energies against those of a search a hundred thousand times as exact."""
    rng = np.random.default_rng(5)
    a, b = {
        globe: rng.uniform((0.5, -1.2), (2.6, 1.2), (2, 30, 2)),
        roll: rng.uniform((4, 0), (14, 20), (2, 30, 2)),
    }.get(decode, rng.normal(size=(2, 30, 4 if decode is network else 3)))
    exact = walk.Search(dtype=torch.float64, tolerance=1e-8, iterations=200)
    least = walk.geodesic_paths(a, b, decode=decode, search=exact).energy[-1]
    for tolerance in (1e-2, 1e-3):
        search = walk.Search(dtype=torch.float64, tolerance=tolerance)
        found = walk.geodesic_paths(a, b, decode=decode, search=search)
        assert found.converged.all()
        above = found.energy[-1] / least - 1
        assert (above <= found.excess + 1e-8).all()
        assert above.max() <= tolerance
        assert found.excess.max() <= tolerance


def test_several_decoders_have_their_mean_metric():
    one, two = (torch.tensor(RNG.normal(size=(3, 5))) for _ in range(2))
    a, b = RNG.normal(size=(2, 4, 3))
    found = walk.geodesic_paths(a, b, decode=[lambda z: z @ one, lambda z: z @ two], search=EXACT)
    expected = [np.square((b - a) @ each.numpy()).sum(axis=1) for each in (one, two)]
    np.testing.assert_allclose(found.energy[0], np.mean(expected, axis=0))
    same = walk.geodesic_paths(a[:, :2], b[:, :2], decode=[globe, globe], search=EXACT)
    np.testing.assert_allclose(same.z, walk.geodesic_paths(a[:, :2], b[:, :2], decode=globe, search=EXACT).z)


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


def test_equal_ends_no_pairs_one_step_and_a_flat_decoder():
    a, b = angles(3), angles(3)
    same = walk.geodesic_paths(a, a, decode=globe)
    np.testing.assert_allclose(same.z, np.repeat(a[:, None], 11, axis=1), atol=1e-6)
    assert same.converged.all()
    assert walk.geodesic_paths(a[:0], b[:0], decode=globe).z.shape == (0, 11, 2)
    one = walk.geodesic_paths(a, b, decode=globe, steps=1, search=walk.Search(finer=1))
    assert one.z.shape == (3, 2, 2)
    flat = walk.geodesic_paths(a, b, decode=lambda z: torch.zeros(len(z), 2) + 0 * z)
    np.testing.assert_allclose(flat.z, walk.linear_path(a, b), atol=1e-6)
    assert flat.lengths.max() == 0


def test_gradients_of_the_decoder_and_of_the_caller_are_left_alone():
    layer = torch.nn.Linear(2, 5)
    with torch.no_grad():
        walk.geodesic_paths(angles(2), angles(2), decode=lambda z: torch.tanh(layer(z)))
    assert layer.weight.grad is None
    assert torch.is_grad_enabled()


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda a, b: walk.geodesic_paths(a, b, decode=[]), "one decoder or more, but got none"),
        (lambda a, b: walk.geodesic_paths(a, b, decode=globe, steps=0), "steps >= 1"),
        (lambda a, b: walk.geodesic_paths(a, b, decode=globe, begin=walk.linear_path(b, a)), "the same ends"),
        (lambda a, b: walk.geodesic_paths(a, b, decode=lambda z: z / 0), "energy of pair 0 of a batch is"),
        (lambda a, b: walk.Search(finer=0), "finer=0"),
        (lambda a, b: walk.Search(tolerance=float("nan")), "tolerance=nan"),
        (lambda a, b: walk.distance_cost(a, neighbours=0), "neighbours >= 1, but got 0"),
        (lambda a, b: walk.distance_cost(a, weight=-1.0), "weight >= 0, but got -1.0"),
        (lambda a, b: walk.distance_cost(np.ones((9, 2))), "distances above 0 at the codes"),
        (lambda a, b: walk.density_cost(lambda z: z[:, 0] / 0, a), "finite log densities"),
        (lambda a, b: walk.ensemble_cost([globe], a), "two decoders or more, but got 1"),
        (lambda a, b: walk.ensemble_cost([globe, globe], a), "variances over decoders above 0"),
    ],
)
def test_what_cannot_be_is_refused(call, said):
    with pytest.raises(ValueError, match=said):
        call(np.full((3, 2), 0.5), np.full((3, 2), 1.5))


def test_a_decoder_of_arrays_is_told_to_be_one_of_tensors():
    ends = np.zeros((1, 2)), np.ones((1, 2))
    with pytest.raises(TypeError, match=r"run.model.decode.*this gives ndarray"):
        walk.geodesic_paths(*ends, decode=lambda z: z.detach().numpy())
    with pytest.raises(TypeError, match=r"this gives a tensor without gradients"):
        walk.geodesic_paths(*ends, decode=lambda z: z.detach())


def test_a_cost_is_one_number_a_code():
    ends = np.zeros((1, 2)), np.ones((1, 2))
    with pytest.raises(ValueError, match=r"for each of 20 codes, as a tensor, but this gives \(20, 2\)"):
        walk.geodesic_paths(*ends, decode=lambda z: z, cost=lambda z: z)
    with pytest.raises(ValueError, match="but this gives ndarray"):
        walk.geodesic_paths(*ends, decode=lambda z: z, cost=lambda z: np.zeros(len(z)))


def test_distance_to_codes_is_that_of_codes_moved_to_the_middle():
    codes = np.random.default_rng(0).normal(size=(300, 4))
    z = torch.as_tensor(codes[:50] * 1.5, dtype=torch.float32)
    near = walk.distance_cost(codes)(z)
    far = walk.distance_cost(codes + 1e4)(z + 1e4)
    torch.testing.assert_close(far, near, rtol=0.05, atol=0.02)


def test_a_piece_that_cuts_through_a_curl_has_not_converged():
    def roll(z):
        return torch.stack([z[:, 0] * z[:, 0].cos(), z[:, 1], z[:, 0] * z[:, 0].sin()], 1)

    ends = np.array([[2.0, 5.0]]), np.array([[13.0, 5.0]])
    # Length of the spiral r = t from 2 to 13.
    t = np.linspace(2, 13, 100_001)
    true = np.trapezoid(np.sqrt(1 + t**2), t)
    coarse = walk.geodesic_paths(*ends, decode=roll)
    assert not coarse.converged.any()
    fine = walk.geodesic_paths(*ends, decode=roll, steps=20)
    assert fine.converged.all()
    assert fine.lengths[0] == pytest.approx(true, rel=0.01)


def test_where_gains_fade_slowly_the_excess_is_told():
    torch.manual_seed(1)
    network = nn.Sequential(
        *(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 512), nn.ReLU(), nn.Unflatten(1, (32, 4, 4))),
        *(nn.ConvTranspose2d(32, 16, 4, 2, 1), nn.ReLU(), nn.ConvTranspose2d(16, 1, 4, 2, 1)),
    ).double()
    a, b = 2 * np.random.default_rng(0).normal(size=(2, 2, 64))
    search = walk.Search(dtype=torch.float64, iterations=60)
    found = walk.geodesic_paths(a, b, decode=network, search=search)
    best = walk.geodesic_paths(
        a, b, decode=network, search=replace(search, iterations=400, tolerance=1e-9)
    ).energy[-1]
    ratio = found.excess / (found.energy[-1] / best - 1)
    assert not found.converged.any()
    assert ((ratio > 0.5) & (ratio < 5)).all()
