"""Drawings from one form to another and simplified, against values worked by hand and a second way."""

import itertools

import numpy as np
import pytest

from zscape.strokes import (
    from_polylines,
    lengths,
    polylines,
    simplify,
    simplify_raw,
    sketches_from_lines,
    to_stroke3,
    to_stroke5,
)


def drawings(count: int, *, seed: int = 0) -> list[np.ndarray]:
    """Random drawings of stroke-3 with whole offsets; the last point lifts the pen."""
    generator = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        points = generator.integers(-50, 50, (generator.integers(1, 40), 3)).astype(np.int16)
        points[:, 2] = generator.random(len(points)) < 0.2
        points[-1, 2] = 1
        made.append(points)
    return made


def test_stroke5_by_hand():
    x = to_stroke5([np.array([[3, 0, 0], [0, 4, 1]]), np.array([[-1, 2, 1]])], length=4)
    end = [0, 0, 0, 0, 1]
    assert x.dtype == np.float32
    assert x[0].tolist() == [[3, 0, 1, 0, 0], [0, 4, 0, 1, 0], end, end]
    assert x[1].tolist() == [[-1, 2, 0, 1, 0], end, end, end]
    assert lengths(x).tolist() == [2, 1]


def test_stroke5_and_back_is_the_same():
    sketches = drawings(100)
    x = to_stroke5(sketches)
    assert x.shape == (100, max(map(len, sketches)) + 1, 5)
    assert (x[..., 2:].sum(axis=2) == 1).all()
    assert (x[:, -1, 4] == 1).all()
    for before, after in zip(sketches, to_stroke3(x), strict=True):
        assert np.array_equal(before, after)


def test_a_drawing_without_points_is_all_end():
    x = to_stroke5([np.zeros((0, 3)), np.array([[1, 1, 1]])])
    assert x[0].tolist() == [[0, 0, 0, 0, 1]] * 2
    assert [len(each) for each in to_stroke3(x)] == [0, 1]
    assert polylines(np.zeros((0, 3))) == []


def test_no_drawings_are_no_rows():
    assert to_stroke5([]).shape == (0, 1, 5)
    assert to_stroke3(np.zeros((0, 7, 5))) == []
    assert simplify([], 1.0) == []
    assert simplify_raw([]) == []
    assert sketches_from_lines([]) == []


def test_a_drawing_that_never_ends_has_all_its_rows():
    x = np.zeros((1, 3, 5), dtype=np.float32)
    x[0, :, 2] = 1
    assert lengths(x).tolist() == [3]
    assert to_stroke3(x)[0].shape == (3, 3)


def test_a_length_without_room_for_the_end_is_refused():
    with pytest.raises(ValueError, match=r"2 points and needs 3 rows with its end, but length is 2"):
        to_stroke5([np.zeros((2, 3))], length=2)


def test_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"number 1 has \(4, 2\)"):
        to_stroke5([np.zeros((2, 3)), np.zeros((4, 2))])
    with pytest.raises(ValueError, match=r"one has \(3,\)"):
        from_polylines([np.zeros(3)])


def test_lines_by_hand():
    sketch = np.array([[3, 0, 1], [0, 4, 0], [1, 0, 1], [5, 5, 1]])
    lines = polylines(sketch)
    assert [line.tolist() for line in lines] == [[[0, 0], [3, 0]], [[3, 4], [4, 4]], [[9, 9]]]
    assert np.array_equal(from_polylines(lines), sketch)


def test_lines_and_back_is_the_same_also_when_moved():
    for sketch in drawings(50, seed=1):
        lines = polylines(sketch)
        assert np.array_equal(from_polylines(lines), sketch)
        assert np.array_equal(from_polylines([line + np.array([7.0, -3.0]) for line in lines]), sketch)


def test_many_drawings_at_once_are_those_one_by_one():
    every = [polylines(sketch) for sketch in drawings(20, seed=2)]
    every.insert(3, [])
    every.insert(9, [np.zeros((0, 2)), np.array([[4.0, 4.0]]), np.array([[5.0, 6.0]])])
    together = sketches_from_lines(every)
    assert len(together) == len(every)
    for lines, sketch in zip(every, together, strict=True):
        assert np.array_equal(from_polylines(lines), sketch)
    assert len(together[3]) == 0
    assert together[9].tolist() == [[0, 0, 1], [1, 2, 1]]


def test_a_last_line_left_open_is_the_same_line():
    open_end = np.array([[1, 0, 0], [1, 0, 0]])
    assert [line.tolist() for line in polylines(open_end)] == [[[0, 0], [1, 0], [2, 0]]]


def distance(point: np.ndarray, start: np.ndarray, end: np.ndarray) -> float:
    """From a point to a segment."""
    along = end - start
    share = 0.0 if not along.any() else np.clip((point - start) @ along / (along @ along), 0, 1)
    return float(np.hypot(*(point - start - share * along)))


def recursive(line: np.ndarray, epsilon: float) -> np.ndarray:
    """Douglas and Peucker as it stands in books."""
    if len(line) < 3:
        return line
    away = [distance(point, line[0], line[-1]) for point in line[1:-1]]
    if max(away) <= epsilon:
        return line[[0, -1]]
    middle = 1 + int(np.argmax(away))
    return np.concatenate([recursive(line[: middle + 1], epsilon)[:-1], recursive(line[middle:], epsilon)])


def test_simplification_by_hand():
    line = np.array([[0, 0], [1, 0.1], [2, -0.1], [3, 5], [4, 6], [5, 7], [6, 8.1], [7, 9], [8, 9], [9, 9.0]])
    assert simplify([line], 1.0)[0].tolist() == [[0, 0], [2, -0.1], [3, 5], [7, 9], [9, 9]]
    straight = np.column_stack([np.arange(9), np.zeros(9)])
    assert simplify([straight], 0.0)[0].tolist() == [[0, 0], [8, 0]]
    back = np.array([[0, 0], [10, 0], [4, 0]])
    assert simplify([back], 1.0)[0].tolist() == back.tolist()


@pytest.mark.parametrize("epsilon", [0.0, 0.5, 2.0, 8.0])
def test_simplification_is_that_of_the_recursion(epsilon):
    generator = np.random.default_rng(3)
    lines = [np.cumsum(generator.normal(size=(size, 2)), axis=0) for size in (1, 2, 3, 10, 80, 200)]
    lines.insert(2, np.zeros((0, 2)))
    lines.append(np.concatenate([lines[-1], lines[-1][:1]]))  # closed
    thinned = simplify(lines, epsilon)
    assert len(thinned) == len(lines)
    for line, kept in zip(lines, thinned, strict=True):
        assert np.array_equal(kept, recursive(line, epsilon))


def test_nothing_left_out_is_further_than_epsilon():
    line = np.cumsum(np.random.default_rng(4).normal(size=(300, 2)), axis=0)
    kept = simplify([line], 3.0)[0]
    assert 2 < len(kept) < 100
    nearest = [min(distance(p, a, b) for a, b in itertools.pairwise(kept)) for p in line]
    assert max(nearest) <= 3.0 + 1e-9


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_points_that_are_no_numbers_are_refused(bad):
    with pytest.raises(ValueError, match="finite"):
        simplify([np.array([[0.0, bad]])], 1.0)


@pytest.mark.parametrize("epsilon", [-1.0, float("nan")])
def test_an_epsilon_below_zero_is_refused(epsilon):
    with pytest.raises(ValueError, match="epsilon needs to be at least 0"):
        simplify([], epsilon)


def test_raw_drawings_are_boxed_resampled_and_thinned():
    square = np.array([[100.0, 50.0], [200.0, 50.0], [200.0, 100.0], [100.0, 100.0], [100.0, 50.0]])
    lines = simplify_raw([[square], [], [np.zeros((0, 2)), np.array([[3.0, 4.0]])]])
    assert np.allclose(lines[0][0], [[0, 0], [255, 0], [255, 127.5], [0, 127.5], [0, 0]], atol=0.5)
    assert lines[1] == []
    assert lines[2][0].tolist() == [[0, 0]]
    # Scale and place of the raw drawing do not matter.
    assert np.allclose(simplify_raw([[square * 7.5 + 3]])[0][0], lines[0][0])


def test_raw_drawings_in_chunks_are_those_one_by_one(monkeypatch):
    monkeypatch.setattr("zscape.strokes._POINTS_A_CHUNK", 1000)
    generator = np.random.default_rng(5)
    raw = [[np.cumsum(generator.normal(size=(30, 2)), axis=0) for _ in range(3)] for _ in range(9)]
    together = simplify_raw(raw)
    for lines, simplified in zip(raw, together, strict=True):
        for first, second in zip(simplify_raw([lines])[0], simplified, strict=True):
            assert np.array_equal(first, second)
