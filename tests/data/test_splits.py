import numpy as np
import pytest

from zscape.data.splits import split_rows
from zscape.errors import DataError


def covers(splits, count):
    return np.array_equal(np.sort(np.concatenate(list(splits.values()))), np.arange(count))


@pytest.mark.parametrize("count", [3, 4, 5, 10, 97, 1797])
@pytest.mark.parametrize("classes", [0, 1, 2, 10])
def test_splits_are_a_sorted_disjoint_cover_and_none_is_empty(count, classes):
    labels = np.random.default_rng(1).integers(0, classes, count) if classes else None
    splits = split_rows(count, labels, seed=3)
    assert list(splits) == ["train", "validation", "test"]
    assert covers(splits, count)
    for rows in splits.values():
        assert rows.dtype == np.int64
        assert len(rows) > 0
        assert np.all(np.diff(rows) > 0)


def test_sizes_are_the_fractions_to_rounding():
    sizes = [len(rows) for rows in split_rows(1000, fractions=(0.7, 0.2, 0.1)).values()]
    assert sizes == [700, 200, 100]
    sizes = [len(rows) for rows in split_rows(10, fractions=(0.98, 0.01, 0.01)).values()]
    assert sizes == [8, 1, 1]


def test_equal_classes_are_stratified_exactly():
    labels = np.repeat(np.arange(10), 100)
    for name, share in (("train", 80), ("validation", 10), ("test", 10)):
        rows = split_rows(1000, labels, seed=5)[name]
        np.testing.assert_array_equal(np.bincount(labels[rows]), np.full(10, share))


def test_unequal_classes_are_stratified_within_two_rows():
    generator = np.random.default_rng(0)
    labels = generator.choice(6, size=5000, p=[0.5, 0.25, 0.15, 0.07, 0.02, 0.01])
    counts = np.bincount(labels)
    splits = split_rows(5000, labels, seed=1)
    for rows, share in zip(splits.values(), (0.8, 0.1, 0.1), strict=True):
        assert np.abs(np.bincount(labels[rows], minlength=6) - counts * share).max() < 2


def test_a_random_split_would_not_be_stratified_so_well():
    labels = np.repeat(np.arange(10), 100)
    rows = split_rows(1000, None, seed=5)["test"]
    assert np.abs(np.bincount(labels[rows], minlength=10) - 10).max() > 1


def test_the_seed_decides():
    first, again, other = (split_rows(100, seed=seed)["test"] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_prescribed_test_split_is_kept_and_validation_is_cut_from_the_rest():
    labels = np.tile([0, 1], 60)
    splits = split_rows(120, labels, fixed={"test": np.arange(100, 120)[::-1]}, fractions=(0.6, 0.2, 0.2))
    np.testing.assert_array_equal(splits["test"], np.arange(100, 120))
    assert covers(splits, 120)
    assert len(splits["validation"]) == 25  # 0.2 / 0.8 of 100
    assert abs(np.bincount(labels[splits["validation"]])[0] - 12.5) <= 1


def test_everything_may_be_prescribed_but_train():
    fixed = {"test": np.arange(5), "validation": np.arange(5, 8)}
    np.testing.assert_array_equal(split_rows(20, fixed=fixed)["train"], np.arange(8, 20))


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_images_are_refused(count):
    with pytest.raises(DataError, match=f"at least 3 images.*tiny.npz holds {count}; add images"):
        split_rows(count, source="tiny.npz")


def test_too_few_images_beside_a_prescribed_split_are_refused():
    with pytest.raises(DataError, match="leaves 1 images for train and validation"):
        split_rows(5, fixed={"test": np.arange(4)})


@pytest.mark.parametrize(
    "fractions", [(0.8, 0.2), (0.8, 0.1, 0.2), (1.0, 0.0, 0.0), (1.2, -0.1, -0.1), (float("nan"), 0.1, 0.1)]
)
def test_bad_fractions_are_refused(fractions):
    with pytest.raises(ValueError, match="three positive numbers with sum 1"):
        split_rows(100, fractions=fractions)


def test_classes_of_one_image_go_to_every_split():
    labels = np.concatenate([np.arange(100), np.full(900, 100)])
    splits = split_rows(1000, labels, seed=0)
    assert all(np.sum(labels[rows] < 100) > 2 for rows in splits.values())


def test_a_negative_seed_is_refused_by_its_name():
    with pytest.raises(ValueError, match="seed needs to be at least 0, but got -1"):
        split_rows(100, seed=-1)
