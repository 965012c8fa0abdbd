import itertools

import numpy as np
import pytest

from zscape.base import Codes
from zscape.energy import distance
from zscape.errors import ElsewhereWarning
from zscape.sample import StandardNormal, representatives, selection


def cloud(rows: int, latents: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((rows, latents))


def least(codes: np.ndarray, count: int, avoid: np.ndarray) -> float:
    """The least distance over all subsets."""
    return min(
        distance(np.concatenate([avoid, codes[list(rows)]]), codes)
        for rows in itertools.combinations(range(len(codes)), count)
    )


@pytest.mark.parametrize("shown", [0, 2])
@pytest.mark.parametrize(
    ("rows", "latents", "count"), [(8, 1, 3), (10, 2, 3), (11, 3, 4), (9, 5, 2), (12, 2, 1)]
)
def test_no_subset_of_a_small_table_is_closer(rows, latents, count, shown):
    codes, avoid = cloud(rows, latents), cloud(shown, latents, seed=1)
    chosen = representatives(codes, count, avoid=avoid)
    assert shown or np.array_equal(representatives(codes, count), chosen)
    assert len(set(chosen.tolist())) == count
    value = distance(np.concatenate([avoid, codes[chosen]]), codes)
    assert value == pytest.approx(least(codes, count, avoid), rel=1e-9)


def test_no_single_swap_is_closer():
    codes = cloud(60, 3)
    chosen = representatives(codes, 8)
    best = distance(codes[chosen], codes)
    for place, row in itertools.product(range(8), np.setdiff1d(np.arange(60), chosen)):
        other = chosen.copy()
        other[place] = row
        assert distance(codes[other], codes) > best - 1e-12


def test_one_row_is_the_medoid():
    codes = cloud(300, 4)
    distances = np.linalg.norm(codes[:, None] - codes, axis=2)
    assert representatives(codes, 1)[0] == distances.mean(axis=1).argmin()


def test_far_closer_than_draws_and_so_is_a_prefix():
    codes = cloud(2000, 2)
    chosen = representatives(codes, 40)
    for count, gain in ((5, 2), (10, 3), (20, 4), (40, 8)):
        drawn = [
            distance(codes[np.random.default_rng(seed).choice(2000, count, replace=False)], codes)
            for seed in range(20)
        ]
        assert distance(codes[chosen[:count]], codes) * gain < np.mean(drawn)


def test_same_seed_same_rows_and_the_order_of_the_table_does_not_matter():
    codes = cloud(500, 3)
    chosen = representatives(codes, 15, seed=4)
    assert np.array_equal(representatives(codes, 15, seed=4), chosen)
    mixed = np.random.default_rng(7).permutation(500)
    assert np.array_equal(mixed[representatives(codes[mixed], 15, seed=4)], chosen)


def test_origin_and_unit_do_not_matter():
    codes = cloud(200, 2)
    chosen = set(representatives(codes, 10).tolist())
    assert set(representatives(codes * 1e98, 10).tolist()) == chosen
    assert set(representatives(codes * 1e-150, 10).tolist()) == chosen
    assert set(representatives(codes * 1024 + 2.0**30, 10).tolist()) == chosen


def test_every_row_when_all_are_asked_for():
    codes = cloud(30, 2)
    chosen = representatives(codes, 30)
    assert sorted(chosen.tolist()) == list(range(30))
    assert chosen[0] == representatives(codes, 1)[0]


@pytest.mark.parametrize("count", [1, 3, 7, 12])
def test_equal_codes_are_different_rows(count):
    chosen = representatives(np.repeat(cloud(4, 2), 3, axis=0), count)
    assert len(set(chosen.tolist())) == count
    assert len(set(representatives(np.ones((12, 2)), count).tolist())) == count


def test_clusters_are_represented_by_their_size():
    centres = np.repeat([[0.0, 0.0], [20.0, 0.0], [0.0, 20.0]], [600, 300, 100], axis=0)
    chosen = representatives(centres + cloud(1000, 2), 10)
    which = centres[chosen] @ [1, 2] // 20
    assert [int((which == each).sum()) for each in (0, 1, 2)] == [6, 3, 1]


def test_what_is_avoided_is_complemented_and_not_chosen_again():
    codes = np.concatenate([cloud(200, 2), cloud(200, 2, seed=1) + 30.0])
    left = representatives(codes[:200], 10)
    chosen = representatives(codes, 10, avoid=codes[left])
    assert (chosen >= 200).all()
    # All rows of one cluster are shown: what is left to choose is the other, whatever the count.
    rest = representatives(codes, 200, avoid=codes[:200])
    assert sorted(rest.tolist()) == list(range(200, 400))
    with pytest.raises(
        ValueError, match=r"1 <= count <= 200, the rows there are beside those avoided, but got 201"
    ):
        representatives(codes, 201, avoid=codes[:200])


def test_zeros_of_either_sign_and_single_precision_are_known_again():
    codes = np.array([[0.0, 1.0], [-0.0, 2.0], [0.1, 3.0]], dtype=np.float32)
    shown = np.array([[-0.0, 1.0], [0.0, 2.0]])
    assert representatives(codes, 1, avoid=shown).tolist() == [2]
    assert representatives(codes, 1, avoid=codes[[0, 1]].astype(np.float64)).tolist() == [2]
    # The two rows are not merely bad choices: they are no choices.
    for row, other in ((0, 1), (1, 0)):
        with pytest.raises(ValueError, match="1 <= count <= 2, the rows there are beside those avoided"):
            representatives(codes, 3, avoid=shown[[row]])
        assert sorted(representatives(codes, 2, avoid=shown[[row]]).tolist()) == [other, 2]


def test_tables_and_pairs_are_read_by_their_means():
    mean = cloud(50, 2).astype(np.float32)
    logvar = np.ones_like(mean)
    table = Codes(id=np.arange(50), split=np.full(50, "train"), mean=mean, logvar=logvar)
    chosen = representatives(mean, 6)
    assert chosen.dtype == np.int64
    assert np.array_equal(representatives(table, 6), chosen)
    assert np.array_equal(representatives((mean, logvar), 6), chosen)


def test_of_many_rows_some_are_considered_against_all(monkeypatch):
    monkeypatch.setattr(selection, "_POOL", 500)
    codes = cloud(3000, 1)
    before = codes.copy()
    chosen = representatives(codes, 10, seed=1)
    assert np.array_equal(codes, before)
    assert not np.array_equal(representatives(codes, 10, seed=2), chosen)
    # The optimum on the line is known: quantiles (2 j - 1) / 20, whatever rows were considered.
    best = np.quantile(codes, (2 * np.arange(10) + 1) / 20)[:, None]
    assert distance(codes[chosen], codes) < 1.02 * distance(best, codes)


def test_four_rows_are_considered_for_each_that_is_chosen(monkeypatch):
    monkeypatch.setattr(selection, "_POOL", 1)
    codes = cloud(2000, 1)
    random = np.random.default_rng(5)
    drawn = np.mean([distance(random.permutation(codes)[:10], codes) for _ in range(50)])
    found = [distance(codes[representatives(codes, 10, seed=seed)], codes) for seed in range(5)]
    assert max(found) < 0.3 * drawn


@pytest.mark.parametrize("count", [0, -1, 6])
def test_impossible_counts_are_refused(count):
    with pytest.raises(
        ValueError, match=rf"count <= 5, the rows there are, but got {count}|count >= 1, but got {count}"
    ):
        representatives(cloud(5, 2), count)


def test_codes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="avoid needs points of 2 latents, but they have 3"):
        representatives(cloud(5, 2), 2, avoid=cloud(2, 3))
    with pytest.raises(ValueError, match="finite"):
        representatives(np.array([[0.0], [np.nan]]), 1)
    with pytest.raises(ValueError, match="two dimensions"):
        representatives(np.zeros(5), 1)
    with pytest.raises(ValueError, match=r"got 2 whole numbers; give codes\[rows\], not rows"):
        representatives(cloud(5, 2), 2, avoid=[0, 1])
    with pytest.raises(ValueError, match=r"got shape \(2,\); one point z is given as z\[None\]"):
        representatives(cloud(5, 2), 2, avoid=cloud(5, 2)[0])
    with pytest.raises(ValueError, match="seed needs to be >= 0, but got -1"):
        representatives(cloud(5, 2), 2, seed=-1)
    # What is not of the annotated type is refused by the annotations under test, and by this without them.
    with pytest.raises(TypeError, match=r"among the rows of codes, .* but got StandardNormal"):
        representatives.__wrapped__(StandardNormal(4), 4)


def test_nothing_to_avoid():
    codes = cloud(50, 2)
    expected = representatives(codes, 4)
    for nothing in (None, [], np.empty((0, 2))):
        assert np.array_equal(representatives(codes, 4, avoid=nothing), expected)


def test_codes_of_something_else_are_warned_of():
    codes, other = cloud(500, 2), cloud(20, 2, seed=1) + np.array([4.0, 0.0])
    with pytest.warns(ElsewhereWarning, match=r"the 20 points to avoid .* 5 new ones still .* leave it out"):
        representatives(codes, 5, avoid=other)
    # Enough rows make up for one side, and few strangers do little harm.
    representatives(codes, 10, avoid=codes[codes[:, 0] > 0][:10])
    representatives(codes, 100, avoid=other[:2])


def test_many_small_tables_turned_round_give_the_same_rows():
    for seed in range(100):
        codes = np.random.default_rng(seed).standard_normal((30, 2))
        turned = 29 - representatives(codes[::-1].copy(), 1 + seed % 12)
        assert np.array_equal(turned, representatives(codes, 1 + seed % 12))
