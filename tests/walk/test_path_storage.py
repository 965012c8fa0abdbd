"""Sets of paths on disk: what is written is read, and nothing else is."""

import inspect
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from zscape import walk
from zscape.errors import RunFormatError

RNG = np.random.default_rng(0)
CHOICES = ("random", "closest")
ENDS = np.array([[7, 3], [10, 12]])
Z = {"linear": RNG.normal(size=(2, 4, 3)), "graph": RNG.normal(size=(2, 4, 3))}
PROFILES = {
    "length": {kind: RNG.random((2, 3)) for kind in Z},
    "style_loss": {"graph": RNG.random((2, 3))},
}
PATHS = walk.PathSet(ENDS, CHOICES, Z, PROFILES)


def test_what_is_written_is_read(tmp_path):
    walk.save_paths(PATHS, tmp_path / "paths.parquet", notes={"seed": 3})
    found, notes = walk.load_paths(tmp_path / "paths.parquet")
    assert notes == {"seed": 3}
    assert found.steps == 3
    assert found.choices == CHOICES
    np.testing.assert_array_equal(found.ends, ENDS)
    assert list(found.z) == ["linear", "graph"]
    for kind, z in Z.items():
        np.testing.assert_allclose(found.z[kind], z, rtol=1e-6)
    assert {name: list(kinds) for name, kinds in found.profiles.items()} == {
        "length": ["linear", "graph"],
        "style_loss": ["graph"],
    }
    np.testing.assert_array_equal(found.profiles["style_loss"]["graph"], PROFILES["style_loss"]["graph"])


def test_rows_stand_for_points(tmp_path):
    walk.save_paths(PATHS, tmp_path / "paths.parquet")
    rows = pq.read_table(tmp_path / "paths.parquet").to_pylist()
    assert len(rows) == 16
    one = rows[8 + 4 + 2]
    assert [one[name] for name in ("kind", "choice", "pair", "start", "end", "step")] == [
        "graph", "closest", 1, 10, 12, 2,
    ]  # fmt: skip
    np.testing.assert_allclose(one["code"], Z["graph"][1, 2], rtol=1e-6)
    assert one["length"] == PROFILES["length"]["graph"][1, 1]
    assert rows[0]["length"] is None
    assert rows[1]["style_loss"] is None


def test_a_missing_or_damaged_file_is_refused(tmp_path):
    path = tmp_path / "paths.parquet"
    with pytest.raises(RunFormatError, match="there is no file"):
        walk.load_paths(path)
    walk.save_paths(PATHS, path)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(RunFormatError, match="cannot be read as paths"):
        walk.load_paths(path)


def test_names_that_are_no_text_and_notes_without_end_are_refused(tmp_path):
    path = tmp_path / "paths.parquet"
    walk.save_paths(PATHS, path)
    table = pq.read_table(path)
    names = pa.array([b"\xe5\xff"] * len(table), pa.binary()).view(pa.string())
    pq.write_table(table.set_column(table.schema.get_field_index("kind"), "kind", names), path)
    with pytest.raises(RunFormatError, match="cannot be read as paths"):
        walk.load_paths(path)
    pq.write_table(table.replace_schema_metadata({b"zscape": b"[" * 100_000}), path)
    with pytest.raises(RunFormatError, match="cannot be read as paths"):
        walk.load_paths(path)


@pytest.mark.parametrize(
    "change",
    [
        lambda table: table.drop_columns(["end"]),
        lambda table: table.slice(1),
        lambda table: table.slice(0, 15),
        lambda table: table.take(list(range(15, -1, -1))),
        lambda table: table.slice(0, 0),
        lambda table: table.set_column(3, "start", pa.array(range(16))),
        lambda table: table.set_column(1, "choice", pa.array([str(row) for row in range(16)])),
        lambda table: table.set_column(3, "start", pa.array([2**64 - 1] * 16, pa.uint64())),
        lambda table: table.set_column(5, "step", pa.array(["a"] * 16)),
        lambda table: table.set_column(5, "step", pa.array([None, *range(15)])),
        lambda table: table.replace_schema_metadata({b"zscape": json.dumps([1]).encode()}),
    ],
)
def test_other_tables_are_refused(tmp_path, change):
    path = tmp_path / "paths.parquet"
    walk.save_paths(PATHS, path)
    pq.write_table(change(pq.read_table(path)), path)
    with pytest.raises(RunFormatError, match="make it again with zscape walk"):
        walk.load_paths(path)


@pytest.mark.parametrize(
    ("ends", "z", "profiles", "said"),
    [
        (ENDS[:1], Z, {}, r"\(P, 2\) as its ends"),
        (ENDS[:, :1], Z, {}, r"\(P, 2\) as its ends"),
        (ENDS.astype(float), Z, {}, "whole numbers"),
        (ENDS, {}, {}, "one shape"),
        (ENDS, {"linear": Z["linear"][0]}, {}, "one shape"),
        (ENDS[:0], {"linear": Z["linear"][:0]}, {}, "P and D >= 1"),
        (ENDS, {"linear": Z["linear"][:, :, :0]}, {}, "P and D >= 1"),
        (ENDS, Z | {"graph": Z["graph"] * np.inf}, {}, "'graph' has others"),
        (ENDS, Z | {"graph": Z["graph"] * 1e39}, {}, "'graph' has others"),
        (ENDS, Z, {"step": PROFILES["length"]}, "'step' is a column"),
        (ENDS, Z | {"graph": Z["graph"][:, :3]}, {}, "one shape"),
        (ENDS, {"linear": Z["linear"][:, :1]}, {}, "T >= 2"),
        (ENDS, Z, {"length": {"graph": np.zeros((2, 4))}}, "'length' of 'graph' is not"),
        (ENDS, Z, {"length": {"other": np.zeros((2, 3))}}, "'length' of 'other' is not"),
        (ENDS, Z, {"length": {}}, "'length' has none; leave it out"),
        (
            ENDS.astype(np.uint64) + np.uint64(2**63),
            Z,
            {},
            "ends below 2.63, but the largest is 9223372036854775820",
        ),
    ],
)
def test_sets_that_do_not_fit_are_refused(ends, z, profiles, said):
    with pytest.raises(ValueError, match=said):
        walk.PathSet(ends, CHOICES, z, profiles)


def test_each_pair_has_a_choice():
    with pytest.raises(ValueError, match="a choice a pair, 2, but got 1"):
        walk.PathSet(ENDS, CHOICES[:1], Z)


def test_pairs_are_known_by_their_choice():
    three = walk.PathSet(np.arange(6).reshape(3, 2), ("b", "a", "b"), {"linear": RNG.normal(size=(3, 2, 1))})
    assert {choice: chosen.tolist() for choice, chosen in three.chosen.items()} == {
        "b": [True, False, True],
        "a": [False, True, False],
    }
    assert list(three.chosen) == ["b", "a"]


def test_profiles_that_are_nan_are_kept_and_those_that_are_not_there_are_not_made_up(tmp_path):
    ratio = np.array([[0.5, np.nan, 1.0], [np.nan] * 3])
    profiles = {
        "length": {"linear": np.full((2, 3), np.nan)},
        "ratio": {"linear": ratio, "graph": ratio[::-1]},
    }
    walk.save_paths(walk.PathSet(ENDS, CHOICES, Z, profiles), tmp_path / "paths.parquet")
    found, _ = walk.load_paths(tmp_path / "paths.parquet")
    assert {name: list(kinds) for name, kinds in found.profiles.items()} == {
        "length": ["linear"],
        "ratio": ["linear", "graph"],
    }
    for name, kinds in profiles.items():
        for kind, values in kinds.items():
            np.testing.assert_array_equal(found.profiles[name][kind], values)
    rows = pq.read_table(tmp_path / "paths.parquet")
    # Two kinds, two paths of four points: none at the first point, and of one kind none at all.
    assert (rows["ratio"].null_count, rows["length"].null_count) == (4, 10)


def test_a_column_of_nothing_as_older_files_hold_for_nan_is_left_out(tmp_path):
    path = tmp_path / "paths.parquet"
    walk.save_paths(PATHS, path)
    table = pq.read_table(path)
    place = table.schema.get_field_index("length")
    pq.write_table(table.set_column(place, "length", pa.nulls(len(table), pa.float64())), path)
    assert list(walk.load_paths(path)[0].profiles) == ["style_loss"]


def test_lists_are_as_good_as_arrays(tmp_path):
    lists = {kind: z.tolist() for kind, z in Z.items()}
    found = object.__new__(walk.PathSet)
    given = ENDS.tolist(), list(CHOICES), lists, {"length": {"graph": [[1, 2, 3], [4, 5, 6]]}}
    # Without annotations that a type checker would refuse first.
    inspect.unwrap(walk.PathSet.__init__)(found, *given)
    np.testing.assert_array_equal(found.ends, ENDS)
    assert found.choices == CHOICES
    np.testing.assert_array_equal(found.z["graph"], Z["graph"])
    assert found.profiles["length"]["graph"].shape == (2, 3)
    walk.save_paths(found, tmp_path / "paths.parquet")
    assert walk.load_paths(tmp_path / "paths.parquet")[0].steps == 3
