"""Which latent answers to which factor: hand-worked means, pandas-free group statistics, nulls."""

import numpy as np
import pyarrow.parquet as pq
import pytest

from zscape import walk

RNG = np.random.default_rng(0)
SIZE = RNG.integers(0, 5, 2000)
SIDE = RNG.integers(0, 3, 2000)
CODES = np.column_stack(
    [SIZE + 0.5 * RNG.normal(size=2000), SIDE**2 - SIZE, RNG.normal(size=2000), np.ones(2000)]
)


def test_means_and_intervals_are_those_of_each_group():
    (found,) = walk.responses(CODES, {"size": SIZE})
    assert found.factor == "size"
    assert found.values.tolist() == [0, 1, 2, 3, 4]
    for place in range(5):
        rows = CODES[place == SIZE]
        error = 1.959963984540054 * rows.std(axis=0, ddof=1) / np.sqrt(len(rows))
        assert found.counts[place] == len(rows)
        np.testing.assert_allclose(found.mean[place], rows.mean(axis=0), atol=1e-12)
        np.testing.assert_allclose(found.low[place], rows.mean(axis=0) - error, atol=1e-12)
        np.testing.assert_allclose(found.high[place], rows.mean(axis=0) + error, atol=1e-12)


def test_the_share_is_all_half_or_nothing():
    size, side = walk.responses(CODES, {"size": SIZE, "side": SIDE})
    assert size.share[0] == pytest.approx(2 / 2.25, abs=0.02)
    assert size.share[1] + side.share[1] == pytest.approx(1, abs=0.02)
    assert abs(size.share[2]) < 0.01
    assert size.share[3] == side.share[3] == 0


def test_a_factor_alone_in_a_latent_has_all_of_it():
    (found,) = walk.responses(SIZE[:, None].astype(float), {"size": SIZE})
    assert found.share[0] == pytest.approx(1, abs=1e-12)


def test_the_share_of_noise_is_0_in_expectation_however_many_values():
    rng = np.random.default_rng(1)
    codes = rng.normal(size=(60, 4000))
    (found,) = walk.responses(codes, {"noise": np.arange(60) % 20})
    # The plain share would be 19 / 59.
    assert abs(found.share.mean()) < 4 * found.share.std() / np.sqrt(4000)
    assert found.share.std() < 0.2


def test_intervals_hold_the_truth_19_times_in_20():
    rng = np.random.default_rng(2)
    (found,) = walk.responses(rng.normal(size=(400, 3000)), {"half": np.arange(400) % 2})
    held = ((found.low < 0) & (found.high > 0)).mean()
    assert 0.935 < held < 0.955


def test_a_value_with_one_row_has_no_interval():
    (found,) = walk.responses(np.array([[1.0], [2.0], [4.0]]), {"f": np.array([0, 1, 1])})
    assert np.isnan([found.low[0, 0], found.high[0, 0]]).all()
    assert found.mean.tolist() == [[1.0], [3.0]]
    assert np.isfinite(found.low[1, 0])


def test_a_value_a_row_answers_nothing():
    (found,) = walk.responses(np.array([[1.0], [2.0]]), {"id": np.array([0.5, 1.5])})
    assert found.share.tolist() == [0.0]


def test_means_far_from_zero_lose_nothing():
    near, far = (walk.responses(CODES + shift, {"size": SIZE})[0] for shift in (0, 1e7))
    np.testing.assert_allclose(far.share, near.share, atol=1e-6)


def test_no_factors_give_no_responses():
    assert walk.responses(CODES, {}) == []


@pytest.mark.parametrize(
    ("factor", "said"),
    [
        (np.arange(3), "one finite number a row in factor 'f'"),
        (np.full(2000, np.nan), "one finite number a row"),
        (np.full(2000, "red"), "one finite number a row"),
        (np.arange(2000) / 7, "at most 1,000 values of a factor, but 'f' has 2,000; bin it"),
    ],
)
def test_factors_that_cannot_be_are_refused(factor, said):
    with pytest.raises(ValueError, match=said):
        walk.responses(CODES, {"f": factor})


def test_responses_on_disk_are_the_numbers(tmp_path):
    found = walk.responses(CODES[:30], {"size": SIZE[:30], "side": SIDE[:30]})
    walk.save_responses(found, tmp_path / "responses.parquet")
    rows = pq.read_table(tmp_path / "responses.parquet").to_pylist()
    assert len(rows) == sum(each.mean.size for each in found)
    side = found[1]
    for row in (row for row in rows if row["factor"] == "side"):
        place, latent = side.values.tolist().index(row["value"]), int(row["latent"][1:]) - 1
        assert row["mean"] == side.mean[place, latent]
        assert row["low"] == side.low[place, latent]
        assert row["n"] == side.counts[place]
        assert row["share"] == side.share[latent]


def test_missing_intervals_are_missing_on_disk_and_no_responses_are_an_empty_table(tmp_path):
    walk.save_responses(walk.responses(np.arange(3.0)[:, None], {"f": np.array([0, 1, 1])}), tmp_path / "one")
    assert pq.read_table(tmp_path / "one")["low"].null_count == 1
    walk.save_responses([], tmp_path / "none")
    assert pq.read_table(tmp_path / "none").num_rows == 0
