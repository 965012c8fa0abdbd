import math

import numpy as np
import pytest

from zscape.data.synthetic import open_sprites, parse_sprites_name, sprites_name
from zscape.errors import DataError


def drawn(**grid):
    source = open_sprites(**grid)
    return source, np.concatenate(list(source.chunks()))


def test_the_grid_is_full_and_each_combination_occurs_once():
    source, images = drawn(size=16, scales=2, orientations=3, positions=4)
    table = np.stack(list(source.factors.values()), axis=1)
    assert list(source.factors) == ["shape", "scale", "orientation", "x", "y"]
    assert images.shape == source.shape == (3 * 2 * 3 * 4 * 4, 1, 16, 16)
    assert len(np.unique(table, axis=0)) == len(table)
    assert table[-1].tolist() == [2, 1, 2, 3, 3]
    np.testing.assert_array_equal(table, table[np.lexsort(table.T[::-1])])


def test_no_two_images_of_an_odd_grid_are_alike():
    _, images = drawn(size=32, scales=3, orientations=5, positions=3)
    assert len(np.unique(images.reshape(len(images), -1), axis=0)) == len(images)


def test_drawing_is_deterministic_and_does_not_depend_on_chunks(monkeypatch):
    grid = {"size": 16, "scales": 2, "orientations": 3, "positions": 3}
    _, first = drawn(**grid)
    monkeypatch.setattr("zscape.data.source.CHUNK_BYTES", 20_000)
    assert len(list(open_sprites(**grid).chunks())) > 3
    np.testing.assert_array_equal(drawn(**grid)[1], first)


def test_areas_are_those_of_the_shapes():
    size = 128
    source, images = drawn(size=size, scales=2, orientations=3, positions=2)
    area = images.reshape(len(images), -1).sum(axis=1) / 255
    radius = 0.2 * size * source.values["scale"][source.factors["scale"]]
    # Square in a circle: 2 r^2. Ellipse: pi r^2 / 2. Heart: square of half diagonal a and two half discs.
    a = (3 - math.sqrt(2)) / 2
    shape = np.array([2.0, math.pi / 2, 2 * a**2 + math.pi * a**2 / 2])[source.factors["shape"]]
    np.testing.assert_allclose(area, shape * radius**2, rtol=0.02)


def test_centres_move_with_x_and_y_exactly():
    size = 64
    source, images = drawn(size=size, shapes=2, scales=2, orientations=3, positions=5)
    weight = images[:, 0].astype(float)
    mass = weight.sum(axis=(1, 2))
    pixel = np.arange(size) + 0.5
    reach = 0.2 * size
    for name, axis in (("x", 1), ("y", 2)):
        centre = (weight.sum(axis=axis) * pixel).sum(axis=1) / mass
        place = source.values[name][source.factors[name]]
        np.testing.assert_allclose(centre, reach + 1 + place * (size - 2 * reach - 2), atol=0.05)


def test_orientation_turns_from_x_towards_y():
    size = 128
    source, images = drawn(size=size, shapes=2, scales=1, orientations=7, positions=1)
    pixel = np.arange(size) + 0.5 - size / 2
    for row in np.flatnonzero(source.factors["shape"] == 1):
        weight = images[row, 0] / 255.0
        xx = (weight * pixel[None, :] ** 2).sum()
        yy = (weight * pixel[:, None] ** 2).sum()
        xy = (weight * pixel[None, :] * pixel[:, None]).sum()
        angle = 0.5 * math.atan2(2 * xy, xx - yy)
        turned = source.values["orientation"][source.factors["orientation"][row]]
        assert abs(math.remainder(angle - turned, math.pi)) < 0.01


def test_an_upright_heart_is_symmetric_with_its_tip_below():
    _, images = drawn(size=64, scales=1, orientations=1, positions=1)
    heart = images[2, 0].astype(int)
    np.testing.assert_array_equal(heart, heart[:, ::-1])
    widths = (heart > 127).sum(axis=1)
    rows = np.flatnonzero(widths)
    assert widths[rows[-1]] <= 2 < widths[rows[0]]
    # Between the lobes there is a dent.
    assert heart[rows[0], 32] == 0 < heart[rows[0]].max()


def test_nothing_touches_the_border_and_edges_are_antialiased():
    _, images = drawn(size=32, scales=2, orientations=5, positions=3)
    border = np.concatenate([images[..., 0, :], images[..., -1, :], images[..., :, 0], images[..., :, -1]])
    assert border.max() == 0
    grey = (images > 0) & (images < 255)
    assert 0.01 < grey.mean() < 0.2


def test_a_single_scale_and_place_are_large_and_central():
    source, _ = drawn(size=16, scales=1, orientations=1, positions=1)
    assert {name: value.tolist() for name, value in source.values.items()} == {
        "shape": [1.0, 2.0, 3.0],
        "scale": [1.0],
        "orientation": [0.0],
        "x": [0.5],
        "y": [0.5],
    }


def test_names_and_grids_convert():
    assert sprites_name(size=64, shapes=3, scales=6, orientations=9, positions=8) == "sprites"
    name = sprites_name(size=32, scales=4)
    assert name == "sprites:size=32,scales=4"
    assert parse_sprites_name(name) == {"size": 32, "scales": 4}
    assert parse_sprites_name("sprites") == {}


@pytest.mark.parametrize("name", ["sprites:width=3", "sprites:size=big", "sprites:size", "sprites:size=-1"])
def test_bad_names_are_refused(name):
    with pytest.raises(DataError, match=r"whole numbers for size, shapes, scales.*sprites:size=32,scales=4"):
        parse_sprites_name(name)


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        ({"shapes": 4}, "shapes <= 3 .*, but got 4"),
        ({"scales": 0}, "scales >= 1, but got 0"),
        ({"size": 7}, "size >= 8 pixels .*, but got 7"),
    ],
)
def test_grids_that_cannot_be_are_refused(grid, message):
    with pytest.raises(ValueError, match=message):
        open_sprites(**grid)
