"""Walks on disk: whole, read back as they were, refused when they are something else."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from zscape import codes, walk
from zscape.errors import RunFormatError

MEAN = np.random.default_rng(0).normal(size=(50, 3))


@pytest.fixture
def saved(tmp_path):
    ways = walk.traversals(MEAN, start=MEAN[0], steps=4, latents=[2, 0])
    walk.save(ways, tmp_path / "walk.parquet", notes={"from": "7", "seed": 1})
    return ways, tmp_path / "walk.parquet"


def test_a_walk_comes_back(saved):
    ways, path = saved
    found, notes = walk.load(path)
    np.testing.assert_allclose(found.z, ways.z, rtol=1e-6)
    np.testing.assert_array_equal(found.values, ways.values)
    assert found.latents.tolist() == [2, 0]
    assert notes == {"from": "7", "seed": 1}


def test_rows_say_what_they_are(saved):
    path = saved[1]
    rows = pq.read_table(path).to_pylist()
    assert [row["latent"] for row in rows] == ["z3"] * 4 + ["z1"] * 4
    assert [row["step"] for row in rows] == [0, 1, 2, 3] * 2
    assert [row["walk"] for row in rows] == [0] * 4 + [1] * 4
    for row in rows:
        assert row["code"][int(row["latent"][1:]) - 1] == pytest.approx(row["value"], rel=1e-6)
    assert codes.points(path).shape == (8, 3)


def change(path, **columns):
    table = pq.read_table(path)
    for name, values in columns.items():
        table = table.set_column(table.schema.get_field_index(name), name, pa.array(values))
    pq.write_table(table, path)


@pytest.mark.parametrize(
    "columns",
    [
        {"latent": ["z3"] * 4 + ["z9"] * 4},
        {"latent": ["z3"] * 3 + ["z1"] * 5},
        {"latent": [3] * 8},
        {"step": [0, 1, 2, 3, 0, 1, 3, 2]},
        {"walk": [0, 1] * 4},
        {"walk": [0] * 3 + [1] * 5},
        {"walk": list(range(8))},
        {"value": [0.0] * 8},
        {"value": [None] * 8},
        {"value": [float("nan")] * 8},
        {"code": [1.0] * 8},
    ],
)
def test_a_table_of_something_else_is_refused(saved, columns):
    change(saved[1], **columns)
    with pytest.raises(RunFormatError, match="make it again with zscape walk"):
        walk.load(saved[1])


def test_codes_that_are_not_finite_are_refused(saved):
    ways, path = saved
    z = ways.z.copy()
    z[0, 0, 0] = np.nan
    walk.save(walk.Traversals(z, ways.latents, ways.values), path)
    with pytest.raises(RunFormatError, match="does not hold them"):
        walk.load(path)


@pytest.mark.parametrize("content", [b"", b"PAR1", None])
def test_a_file_that_cannot_be_read_is_refused(tmp_path, content):
    path = tmp_path / "walk.parquet"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RunFormatError, match=r"walk.parquet.*; make it again with zscape walk"):
        walk.load(path)


def test_names_that_are_no_text_and_notes_without_end_are_refused(saved):
    path = saved[1]
    table = pq.read_table(path)
    names = pa.array([b"\xe5\xff"] * len(table), pa.binary()).view(pa.string())
    pq.write_table(table.set_column(table.schema.get_field_index("latent"), "latent", names), path)
    with pytest.raises(RunFormatError, match=r"cannot be read as a walk .*; make it again with zscape walk"):
        walk.load(path)
    pq.write_table(table.replace_schema_metadata({b"zscape": b"[" * 100_000}), path)
    with pytest.raises(RunFormatError, match=r"cannot be read as a walk .*; make it again with zscape walk"):
        walk.load(path)


def test_a_file_cut_short_and_one_with_other_columns_are_refused(saved, tmp_path):
    path = saved[1]
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(RunFormatError, match="cannot be read as a walk"):
        walk.load(path)
    pq.write_table(pa.table({"x": [1]}), path)
    with pytest.raises(RunFormatError, match="needs walk, latent, step, value, code"):
        walk.load(path)
    notes = {b"zscape": b"{broken"}
    pq.write_table(pa.table({"x": [1]}).replace_schema_metadata(notes), path)
    with pytest.raises(RunFormatError, match="cannot be read as a walk"):
        walk.load(path)
