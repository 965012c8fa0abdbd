"""The record of drawings: batches, splits, scale, bucketing, augmentation."""

import json

import numpy as np
import pytest
import torch

from data.drawn import sketches
from zscape import base
from zscape.data import Strokes, from_sketches, load
from zscape.errors import DataError
from zscape.strokes import polylines, to_stroke3, to_stroke5


@pytest.fixture
def data() -> Strokes:
    return from_sketches(sketches(60), labels=["owl", "cat", "pig"] * 20)


def test_it_is_data_as_the_loop_sees_it(data):
    assert isinstance(data, base.Data)
    assert len(data) == 60
    assert data.shape == (max(map(len, sketches(60))) + 1, 5)
    assert data.names == ("cat", "owl", "pig")
    assert data.labels[:3].tolist() == [1, 0, 2]
    assert data.factors == {}
    assert {split: len(rows) for split, rows in data.splits.items()} == {
        "train": 48,
        "validation": 6,
        "test": 6,
    }
    assert np.array_equal(np.sort(np.concatenate(list(data.splits.values()))), np.arange(60))


def test_a_batch_is_the_drawings_in_units_of_the_scale(data):
    rows = torch.tensor([7, 0, 59, 7])
    x, y = data.batch(rows, "cpu")
    scaled = [sketches(60)[row] / np.array([data.scale, data.scale, 1]) for row in rows.tolist()]
    assert x.dtype == torch.float32
    assert np.allclose(x.numpy(), to_stroke5(scaled), rtol=1e-6, atol=0)
    assert y.tolist() == [data.labels[row] for row in rows.tolist()]


def test_sketches_are_those_given(data):
    rows = np.array([3, 0, 41])
    for row, found in zip(rows, data.sketches(rows), strict=True):
        assert np.array_equal(found, sketches(60)[row])
    data.sketches(rows)[0][:] = 0  # a copy
    assert np.array_equal(data.sketches(rows)[0], sketches(60)[3])


def test_no_rows_are_an_empty_batch(data):
    x, y = data.batch(torch.tensor([], dtype=torch.int64), "cpu")
    assert x.shape == (0, 1, 5)
    assert y.shape == (0,)
    assert data.augmented(x, torch.Generator()) is x


def test_the_scale_is_the_spread_of_the_offsets_of_the_training_split(data):
    offsets = np.concatenate([sketches(60)[row][:, :2] for row in data.splits["train"]])
    assert data.scale == pytest.approx(offsets.astype(np.float64).std(), rel=1e-12)
    x, _ = data.batch(torch.from_numpy(data.splits["train"]), "cpu")
    spread = x[..., :2][x[..., 4] == 0].std(correction=0)
    assert spread == pytest.approx(1, abs=1e-5)


def test_a_scale_given_is_the_scale(data):
    other = from_sketches(sketches(60), scale=data.scale)
    index = torch.arange(60)
    assert torch.equal(other.batch(index, "cpu")[0], data.batch(index, "cpu")[0])
    assert other.labels is None
    assert other.batch(index, "cpu")[1] is None
    assert from_sketches(sketches(60), scale=10).batch(index, "cpu")[0][0, 0, 0] == pytest.approx(0.7)


def test_the_spec_gives_the_same_data_again():
    data = load("doodles:count=60", augment=True, seed=3, limit=50)
    spec = json.loads(json.dumps(data.to_spec()))
    again = load(**spec)
    assert again.to_spec() == data.to_spec()
    assert again.fingerprint == data.fingerprint
    assert again.scale == data.scale
    assert np.array_equal(again.splits["test"], data.splits["test"])
    index = torch.arange(len(data))
    assert torch.equal(again.batch(index, "cpu")[0], data.batch(index, "cpu")[0])


def test_fingerprints_tell_content_and_nothing_else(data):
    same = from_sketches(
        sketches(60), ["owl", "cat", "pig"] * 20, name="other", seed=5, scale=3, augment=True
    )
    assert same.fingerprint == data.fingerprint
    changed = sketches(60)
    changed[17][0, 0] += 1
    assert from_sketches(changed, labels=["owl", "cat", "pig"] * 20).fingerprint != data.fingerprint
    assert from_sketches(sketches(60)).fingerprint != data.fingerprint
    joined = [np.concatenate(sketches(60)[:2]), *sketches(60)[2:]]
    assert from_sketches(joined).fingerprint != from_sketches(sketches(60)).fingerprint


def test_what_is_too_long_or_has_no_extent_is_left_out_and_counted():
    given = [*sketches(20), np.zeros((0, 3)), np.zeros((4, 3)), np.ones((300, 3))]
    labels = [*["cat"] * 20, "owl", "owl", "pig"]
    data = from_sketches(given, labels=labels, limit=25)
    long = sum(len(each) > 25 for each in given)
    assert long > 1
    assert len(data) == 23 - 2 - long
    assert data.left_out == {"over 25 points": long, "under 1 points or without extent": 2}
    assert f"left out {long} over 25 points; left out 2 under 1" in repr(data)
    assert data.names == ("cat",)
    kept = [each for each in given[:20] if len(each) <= 25]
    for before, after in zip(kept, data.sketches(np.arange(len(kept))), strict=True):
        assert np.array_equal(before, after)


def test_too_few_that_are_left_are_refused():
    with pytest.raises(DataError, match=r"has 0 drawings of 1 to 2 points among 10.*change the limits"):
        from_sketches(sketches(10), limit=2)
    with pytest.raises(DataError, match="has 2 drawings"):
        from_sketches(sketches(2))


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"limit": 0}, "1 <= least <= limit"),
        ({"scale": 0}, "scale needs to be a number above 0"),
        ({"scale": float("nan")}, "scale needs"),
        ({"scale": float("inf")}, "scale needs"),
        ({"seed": -1}, "seed"),
        ({"fractions": (1, 0, 0)}, "fractions"),
    ],
)
def test_options_that_cannot_be_are_refused(options, match):
    with pytest.raises(ValueError, match=match):
        from_sketches(sketches(10), **options)


def test_offsets_that_are_all_the_same_have_no_scale():
    with pytest.raises(DataError, match="offsets need to differ to have a scale"):
        from_sketches([np.ones((4, 3))] * 10)
    assert from_sketches([np.ones((4, 3))] * 10, scale=2).scale == 2


def test_labels_of_another_number_are_refused():
    with pytest.raises(DataError, match="one value a drawing, 10 in all"):
        from_sketches(sketches(10), labels=["a"])
    with pytest.raises(DataError, match=r"number 1 of the drawings 'sketches'"):
        from_sketches([sketches(1)[0], np.zeros((3, 5)), *sketches(3)])


@pytest.mark.parametrize("size", [1, 7, 16, 48, 100])
def test_every_row_of_a_split_comes_once_an_epoch(data, size):
    batches = list(data.batches("train", size, seed=1, epoch=2))
    assert np.array_equal(torch.cat(batches).sort().values, data.splits["train"])
    assert all(len(batch) == size for batch in batches[:-1])
    assert 1 <= len(batches[-1]) <= size


def test_batches_follow_seed_and_epoch_alone(data):
    def drawn(seed: int, epoch: int) -> list[list[int]]:
        return [batch.tolist() for batch in data.batches("train", 7, seed=seed, epoch=epoch)]

    assert drawn(0, 5) == drawn(0, 5)
    assert drawn(0, 5) != drawn(0, 6)
    assert drawn(0, 5) != drawn(1, 5)


def test_a_batch_holds_drawings_of_nearly_one_length():
    many = [np.tile([1, 2, 0], (size, 1)) for size in np.random.default_rng(0).integers(5, 200, 2000)]
    data = from_sketches(many)
    counts = np.array([len(each) for each in many])

    def padding(batches: list[torch.Tensor]) -> float:
        held = [counts[batch.numpy()] + 1 for batch in batches]
        return 1 - sum(map(np.sum, held)) / sum(each.max() * len(each) for each in held)

    batches = list(data.batches("train", 32, seed=0, epoch=0))
    rows = torch.from_numpy(np.random.default_rng(0).permutation(data.splits["train"]))
    assert padding(batches) < 0.12
    assert padding(list(rows.split(32))) > 0.4
    # Who meets whom changes, and long batches do not all come last.
    partners = [
        set(next(b for b in data.batches("train", 32, seed=0, epoch=e) if 0 + rows[0] in b).tolist())
        for e in range(2)
    ]
    assert len(partners[0] & partners[1]) < 30
    means = [counts[batch.numpy()].mean() for batch in batches[:-1]]
    assert abs(np.corrcoef(means, np.arange(len(means)))[0, 1]) < 0.5


def test_an_unknown_split_and_no_rows_are_refused(data):
    with pytest.raises(ValueError, match="split needs to be one of train, validation, test, but got 'dev'"):
        data.batches("dev", 5, seed=0, epoch=0)
    with pytest.raises(ValueError, match="batch size needs to be at least 1"):
        data.batches("train", 0, seed=0, epoch=0)


def test_without_augment_training_sees_the_batch_itself(data):
    x, _ = data.batch(torch.arange(5), "cpu")
    assert data.augmented(x, torch.Generator()) is x


@pytest.fixture
def long_lines() -> Strokes:
    """Drawings of three lines of 20 points each."""
    generator = np.random.default_rng(0)
    drawings = []
    for _ in range(200):
        points = generator.normal(size=(60, 3)) + 3
        points[:, 2] = (np.arange(60) + 1) % 20 == 0
        drawings.append(points.astype(np.float32))
    return from_sketches(drawings, augment=True)


def test_augmentation_scales_and_thins(long_lines):
    x, _ = long_lines.batch(torch.arange(200), "cpu")
    before = x.clone()
    seen = long_lines.augmented(x, torch.Generator().manual_seed(1))
    assert torch.equal(x, before)
    assert seen.shape[0] == 200
    assert (seen[..., 2:].sum(dim=2) == 1).all()
    assert (seen[:, -1, 4] == 1).all()
    assert seen.shape[1] == int((seen[..., 4] == 0).sum(dim=1).max()) + 1
    kept = (seen[..., 4] == 0).sum(dim=1).float()
    # 16 of the 20 points of a line may go, each with a chance of 0.1.
    assert kept.mean() == pytest.approx(60 - 0.1 * 3 * 16, abs=0.5)
    whole = [(x[..., axis].sum(dim=1), seen[..., axis].sum(dim=1)) for axis in (0, 1)]
    factors = torch.stack([after / start for start, after in whole])
    assert factors.min() >= 0.85 - 1e-4
    assert factors.max() <= 1.15 + 1e-4
    assert factors.std(dim=1).tolist() == pytest.approx([0.3 / 12**0.5] * 2, rel=0.15)
    assert abs(np.corrcoef(factors.numpy())[0, 1]) < 0.25


def test_points_that_stay_are_where_they_were(long_lines):
    x, _ = long_lines.batch(torch.arange(20), "cpu")
    seen = long_lines.augmented(x, torch.Generator().manual_seed(2))
    for old, new in zip(to_stroke3(x.numpy()), to_stroke3(seen.numpy()), strict=True):
        factor = new[:, :2].sum(axis=0) / old[:, :2].sum(axis=0)
        before, after = polylines(old), polylines(new)
        assert len(before) == len(after) == 3
        for first, second in zip(before, after, strict=True):
            near = np.abs(second[:, None] - first * factor).max(axis=2) < 1e-4
            assert near.any(axis=1).all()
            # The origin is drawn beside the first line's points.
            ends = [0, 1, 2, -1]
            assert near.any(axis=0)[ends].all()


def test_augmentation_by_hand():
    points = np.array([[1, 0, 0], [0, 1, 0], [2, 0, 0], [0, 2, 0], [3, 0, 0], [0, 3, 1], [5, 5, 1]])
    from zscape.data.sketches import _thinned

    x = torch.from_numpy(to_stroke5([points, points[:3]]))
    seen = _thinned(x, torch.ones(2, 8, dtype=torch.bool))
    # Of the first line its first three points and the last stay; the fourth and fifth move on to the last.
    expected = np.array([[1, 0, 0], [0, 1, 0], [2, 0, 0], [3, 5, 1], [5, 5, 1]])
    assert np.array_equal(to_stroke3(seen.numpy())[0], expected)
    assert np.array_equal(to_stroke3(seen.numpy())[1], points[:3])
    assert seen.shape == (2, 6, 5)
    assert torch.equal(_thinned(x, torch.zeros(2, 8, dtype=torch.bool)), x)


def test_the_last_point_stays_where_the_pen_never_lifts():
    from zscape.data.sketches import _thinned

    points = np.array([[1, 0, 0], [0, 1, 0], [2, 0, 0], [0, 2, 0], [3, 0, 0]])
    # The second is as long as the batch without its row for the end.
    x = torch.from_numpy(to_stroke5([points, np.concatenate([points, points])]))[:, :10]
    seen = _thinned(x, torch.ones(2, 10, dtype=torch.bool))
    assert to_stroke3(seen.numpy())[0].tolist() == [[1, 0, 0], [0, 1, 0], [2, 0, 0], [3, 2, 0]]
    assert (seen[seen[..., 4] == 1][:, :2] == 0).all()
    assert to_stroke3(seen.numpy())[1].tolist() == [[1, 0, 0], [0, 1, 0], [2, 0, 0], [9, 5, 0]]


def test_augmentation_follows_its_generator(long_lines):
    x, _ = long_lines.batch(torch.arange(9), "cpu")
    state = torch.get_rng_state()
    first, second = (long_lines.augmented(x, torch.Generator().manual_seed(4)) for _ in range(2))
    assert torch.equal(first, second)
    assert not torch.equal(first, long_lines.augmented(x, torch.Generator().manual_seed(5)))
    assert torch.equal(torch.get_rng_state(), state)


def test_moving_gives_the_same_batches(data):
    moved = data.to("cpu")
    assert moved is not data
    index = torch.arange(9)
    assert torch.equal(moved.batch(index, "cpu")[0], data.batch(index, "cpu")[0])
    assert moved.fingerprint == data.fingerprint


@pytest.mark.gpu
def test_batches_on_an_accelerator_are_those_on_the_processor(long_lines):
    index = torch.arange(50)
    here, there = long_lines.batch(index, "cpu")[0], long_lines.to("cuda").batch(index, "cuda")[0]
    assert torch.equal(here, there.cpu())
    assert torch.equal(long_lines.batch(index, "cuda")[0], there)
    seen = [long_lines.augmented(x, torch.Generator().manual_seed(0)) for x in (here, there)]
    assert torch.allclose(seen[0], seen[1].cpu(), atol=1e-6)


def test_padding_of_real_drawings(shared_data):
    data = load("quickdraw:cat", data_dir=shared_data)
    assert data.shape == (163, 5)
    assert {split: len(rows) for split, rows in data.splits.items()} == {
        "train": 1600,
        "validation": 200,
        "test": 200,
    }
    held = [data.batch(rows, "cpu")[0] for rows in data.batches("train", 32, seed=0, epoch=0)]
    assert np.mean(np.concatenate([x[..., 4].numpy().ravel() for x in held])) < 0.09
