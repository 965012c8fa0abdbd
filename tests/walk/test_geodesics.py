"""Geodesics on decoders whose metric is known, and what must not matter to them."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from zscape import walk
from zscape.walk import geodesics

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
        (
            lambda a, b: walk.geodesic_paths(a, b, decode=globe, steps=0),
            "steps needs to be a whole number >= 1",
        ),
        (lambda a, b: walk.geodesic_paths(a, b, decode=globe, begin=walk.linear_path(b, a)), "the same ends"),
        (lambda a, b: walk.geodesic_paths(a, b, decode=lambda z: z / 0), "energy of pair 0 of a batch is"),
        (lambda a, b: walk.Search(finer=0), "finer needs to be a whole number >= 1, but is 0"),
        (lambda a, b: walk.Search(iterations=-1), "iterations needs to be a whole number >= 0, but is -1"),
        (lambda a, b: walk.Search(tolerance=float("nan")), "tolerance=nan"),
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


@pytest.mark.parametrize("features", [1, 2, 5])
def test_what_is_decoded_has_a_row_for_each_code(features):
    ends, weight = angles(4).reshape(2, 2, 2), torch.tensor(RNG.normal(size=(2, features)))
    assert walk.geodesic_paths(*ends, decode=lambda z: z @ weight, search=EXACT).converged.all()
    with pytest.raises(ValueError, match=rf"one row for each of 82 codes, .* gives shape \({features}, 82\)"):
        walk.geodesic_paths(*ends, decode=lambda z: (z @ weight).T, search=EXACT)


def test_a_cost_below_0_is_refused_wherever_the_search_meets_it():
    ends = np.array([[0.0, 1.0]]), np.array([[2.0, 1.0]])

    def dips(z):
        """1 on the line between the ends, and less the further below it, to under 0."""
        return 1 - 4 * (1 - z[:, 1])

    assert (dips(torch.tensor(walk.linear_path(*ends)[0])) > 0).all()
    for cost in (dips, lambda z: -z.square().sum(1), lambda z: torch.full((len(z),), -torch.inf)):
        with pytest.raises(ValueError, match=r"needs costs >= 0, but this cost is negative .*clamp\(min=0\)"):
            walk.geodesic_paths(*ends, decode=lambda z: z, cost=cost)
    floor = walk.geodesic_paths(*ends, decode=lambda z: z, cost=lambda z: dips(z).clamp(min=0))
    assert floor.energy.min() >= 0
    for strange in (torch.inf, torch.nan):
        with pytest.raises(ValueError, match="decoded values and costs that are finite"):
            walk.geodesic_paths(*ends, decode=lambda z: z, cost=lambda z, a=strange: torch.full((len(z),), a))


def test_a_decoder_of_another_dtype_is_told_of_the_search():
    ends, layer = angles(4).reshape(2, 2, 2), nn.Linear(2, 3).double()
    with pytest.raises(ValueError, match=r"torch.float32 on cpu and failed .*search=Search\(dtype=") as told:
        walk.geodesic_paths(*ends, decode=layer)
    assert isinstance(told.value.__cause__, RuntimeError)
    assert walk.geodesic_paths(*ends, decode=layer, search=EXACT).converged.all()


def test_paths_begin_and_end_where_they_were_told_to_the_bit():
    a, b = angles(3), angles(3)
    begin = walk.linear_path(a, b, steps=5)
    begin[:, [0, -1]] += 1e-6
    for search in (EXACT, walk.Search(iterations=0)):
        found = walk.geodesic_paths(a, b, decode=globe, begin=begin, search=search)
        np.testing.assert_array_equal(found.z[:, 0], a)
        np.testing.assert_array_equal(found.z[:, -1], b)


@pytest.mark.parametrize("decode", [None, [None], [globe, 3], 3])
def test_what_is_no_decoder_is_refused(decode):
    decoders_of = getattr(geodesics.decoders_of, "__wrapped__", geodesics.decoders_of)
    with pytest.raises(TypeError, match=r"a_walk needs decoders, functions of codes .* but got (None|3)"):
        decoders_of(decode, "a_walk")
