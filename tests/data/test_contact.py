import numpy as np
import pytest

from zscape.data import contact_sheet, from_arrays, load


def test_tiles_are_the_pictures_enlarged_by_whole_steps():
    array = np.random.default_rng(0).integers(0, 256, (6, 3, 10, 12), dtype=np.uint8)
    data = from_arrays(array)
    sheet, _ = contact_sheet(data, 6, seed=1)
    # 5-fold, so that 10 pixels become at least 48; 3 columns of 60 and 2 lines of 50 and of 12 for text, gaps
    # of 2.
    assert sheet.shape == (2 * 64 + 2, 3 * 62 + 2, 3)
    tiles = [
        np.moveaxis(sheet[2 + 64 * line : 52 + 64 * line : 5, 2 + 62 * column : 62 + 62 * column : 5], 2, 0)
        for line in range(2)
        for column in range(3)
    ]
    for tile in tiles:
        assert any(np.array_equal(tile, picture) for picture in array)
    assert len({tile.tobytes() for tile in tiles}) == 6


def test_classes_are_drawn_evenly_and_in_order():
    labels = np.array([0] * 90 + [1] * 5 + [2] * 5)
    array = np.repeat((labels * 100).astype(np.uint8), 48 * 48).reshape(100, 48, 48)
    sheet, caption = contact_sheet(from_arrays(array, labels, names=("a", "b", "c")), 9)
    assert sheet[2::62, 2::50, 0][:3, :3].tolist() == [[0] * 3, [100] * 3, [200] * 3]
    assert "classes: a 90, b 5, c 5" in caption


def test_the_caption_says_what_the_model_sees():
    array = np.full((10, 8, 8), 51, dtype=np.uint8)
    array[:, :2, 0] = 255
    _, caption = contact_sheet(from_arrays(array, name="mine"), 4)
    assert caption == (
        "mine: 10 images of 1 x 8 x 8 (train 8, validation 1, test 1); "
        "4 shown, values 0.2 to 1, mean 0.225; no labels"
    )


def test_the_caption_counts_the_values_of_factors():
    _, caption = contact_sheet(load("sprites:size=8,orientations=2,positions=3"), 4)
    assert caption.endswith("; factors (values): shape (3), scale (6), orientation (2), x (3), y (3)")


def test_the_seed_decides():
    data = load("digits")
    first, again, other = (contact_sheet(data, 20, seed=seed)[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_more_than_there_are_shows_all():
    data = from_arrays(np.zeros((3, 48, 48), dtype=np.uint8))
    assert contact_sheet(data, 100)[0].shape == (2 * 62 + 2, 2 * 50 + 2, 3)
    with pytest.raises(ValueError, match="at least 1 picture, but got count 0"):
        contact_sheet(data, 0)


def test_the_row_of_each_picture_stands_below_it():
    """The other way round in order of class, rows and what stands below pictures change places."""

    def lines(labels):
        data = from_arrays(np.zeros((4, 48, 48), dtype=np.uint8), labels, names=tuple("abcd"))
        sheet = contact_sheet(data, 4)[0]
        return [sheet[top + 48 : top + 60, left : left + 48].tobytes() for top in (2, 64) for left in (2, 52)]

    ahead, back = lines([0, 1, 2, 3]), lines([3, 2, 1, 0])
    assert ahead == back[::-1]
    assert len(set(ahead)) == 4
