import os
import re

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

import zscape as zs
from zscape import codes as tables
from zscape.base import Codes
from zscape.errors import RunFormatError


@pytest.fixture(scope="module")
def data():
    return zs.data.load("digits")


def model_for(data, **settings):
    torch.manual_seed(0)
    return zs.Autoencoder.mlp(data.shape, latent=3, widths=(8,), **settings)


def alike(a, b):
    assert a.id.tolist() == b.id.tolist()
    assert a.split.tolist() == b.split.tolist()
    np.testing.assert_array_equal(a.mean, b.mean)
    assert (a.logvar is None) == (b.logvar is None)
    if a.logvar is not None:
        np.testing.assert_array_equal(a.logvar, b.logvar)
    assert (a.label is None) == (b.label is None)
    if a.label is not None:
        np.testing.assert_array_equal(a.label, b.label)
    assert a.names == b.names
    assert a.factors.keys() == b.factors.keys()
    for name in a.factors:
        np.testing.assert_array_equal(a.factors[name], b.factors[name])


def test_codes_are_the_means_of_every_sample_in_order(data):
    model = model_for(data)
    codes = zs.encode(model, data)
    with torch.no_grad():
        q = model.encode(data.batch(torch.arange(len(data)), "cpu")[0])
    np.testing.assert_allclose(codes.mean, q.mean.numpy(), atol=1e-6)
    np.testing.assert_allclose(codes.logvar, q.logvar.numpy(), atol=1e-6)
    assert codes.id.tolist() == list(range(1797))
    assert np.array_equal(codes.label, data.labels)
    for split, rows in data.splits.items():
        assert np.array_equal(codes.of(split).id, rows)


def test_encoding_twice_gives_the_same_bits_and_keeps_the_mode(data):
    model = model_for(data).train()
    alike(zs.encode(model, data), zs.encode(model, data))
    assert model.training


@pytest.mark.parametrize("stochastic", [True, False])
def test_a_file_holds_what_encode_gives(data, tmp_path, stochastic):
    model = model_for(data, stochastic=stochastic)
    path = tmp_path / "codes.parquet"
    tables.encode_file(model, data, path)
    alike(tables.load(path), zs.encode(model, data))
    assert os.listdir(tmp_path) == ["codes.parquet"]


def test_factors_come_along(tmp_path):
    sprites = zs.data.sprites(size=16, orientations=2, positions=3)
    codes = zs.encode(model_for(sprites), sprites)
    assert set(codes.factors) == set(sprites.factors)
    tables.save(codes, tmp_path / "codes.parquet")
    alike(tables.load(tmp_path / "codes.parquet"), codes)


def test_a_stopped_encoding_goes_on_where_it_was(data, tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "_PART", 512)
    model, path = model_for(data), tmp_path / "codes.parquet"

    class StopError(Exception):
        pass

    def stop(done, total):
        if done >= 1024:
            raise StopError

    with pytest.raises(StopError):
        tables.encode_file(model, data, path, batch=256, told=stop)
    assert not path.exists()
    calls = []
    batch = data.batch

    def counted(index, device):
        calls.append(len(index))
        return batch(index, device)

    monkeypatch.setattr(data, "batch", counted)
    tables.encode_file(model, data, path, batch=256)
    assert sum(calls) == len(data) - 1024
    monkeypatch.undo()
    alike(tables.load(path), zs.encode(model, data, batch=256))
    assert os.listdir(tmp_path) == ["codes.parquet"]


def test_a_damaged_part_is_encoded_again(data, tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "_PART", 512)
    model, path = model_for(data), tmp_path / "codes.parquet"

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tables.encode_file(model, data, path, told=stop)
    (part,) = tmp_path.glob(".codes.parquet.*/*.parquet")
    part.write_bytes(part.read_bytes()[:100])
    tables.encode_file(model, data, path)
    alike(tables.load(path), zs.encode(model, data))


def test_codes_of_other_weights_or_data_are_known(data, tmp_path):
    model, path = model_for(data), tmp_path / "codes.parquet"
    tables.encode_file(model, data, path)
    tables.check_origin(path, model, data)
    other = zs.data.load("digits", seed=3)
    with pytest.raises(RunFormatError, match="made with other data"):
        tables.check_origin(path, model, other)
    with torch.no_grad():
        next(model.parameters()).add_(1e-6)
    with pytest.raises(RunFormatError, match="made with other weights"):
        tables.check_origin(path, model)
    tables.save(tables.load(path), path)
    tables.check_origin(path, model, other)


def test_parts_of_other_splits_are_not_taken_over(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "_PART", 512)
    path = tmp_path / "codes.parquet"
    first, second = zs.data.load("digits"), zs.data.load("digits", seed=7)
    model = model_for(first)

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tables.encode_file(model, first, path, told=stop)
    tables.encode_file(model, second, path)
    alike(tables.load(path), zs.encode(model, second))


def test_encoding_leaves_every_module_in_its_mode(data):
    encoder = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 3), torch.nn.BatchNorm1d(3))
    model = zs.Autoencoder(encoder, torch.nn.Linear(3, 64), shape=(1, 8, 8), latent=3).train()
    encoder[2].eval()
    zs.encode(model, data)
    assert model.training
    assert not encoder[2].training


def test_parts_of_other_weights_are_not_taken_over(data, tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "_PART", 512)
    path = tmp_path / "codes.parquet"

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tables.encode_file(model_for(data), data, path, told=stop)
    torch.manual_seed(1)
    other = zs.Autoencoder.mlp(data.shape, latent=3, widths=(8,))
    tables.encode_file(other, data, path)
    alike(tables.load(path), zs.encode(other, data))


def by_pandas(path):
    return pytest.importorskip("pandas").read_parquet(path)


def by_polars(path):
    return pytest.importorskip("polars").read_parquet(path)


def by_duckdb(path):
    return pytest.importorskip("duckdb").sql(f"select * from '{path}'").fetchdf()


@pytest.mark.parametrize("read", [by_pandas, by_polars, by_duckdb])
def test_other_tools_read_the_columns(data, tmp_path, read):
    path = tmp_path / "codes.parquet"
    codes = zs.encode(model_for(data), data)
    tables.save(codes, path)
    frame = read(path)
    assert list(frame.columns) == ["id", "split", "label", "mean", "logvar"]
    np.testing.assert_array_equal(np.stack([np.asarray(row) for row in frame["mean"]]), codes.mean)
    assert list(frame["split"]) == codes.split.tolist()


def test_the_schema_is_the_one_of_the_design(data, tmp_path):
    path = tmp_path / "codes.parquet"
    tables.save(zs.encode(model_for(data), data), path)
    types = {field.name: str(field.type) for field in pq.read_schema(path)}
    assert types["id"] == types["label"] == "int64"
    assert types["mean"] == types["logvar"] == "fixed_size_list<element: float>[3]"
    assert "string" in types["split"]


def test_a_table_from_elsewhere_needs_only_means(tmp_path):
    import pyarrow as pa

    path = tmp_path / "theirs.parquet"
    pq.write_table(pa.table({"mean": [[1.0, 2.0], [3.0, 4.0]]}), path)
    codes = tables.load(path)
    assert codes.mean.tolist() == [[1, 2], [3, 4]]
    assert codes.id.tolist() == [0, 1]
    assert codes.of("test").latent == 2


def test_files_that_are_not_codes_are_named(tmp_path):
    import pyarrow as pa

    with pytest.raises(RunFormatError, match="zscape encode"):
        tables.load(tmp_path / "none.parquet")
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 but no more")
    with pytest.raises(RunFormatError, match=r"bad.parquet is not readable parquet"):
        tables.load(tmp_path / "bad.parquet")
    pq.write_table(pa.table({"x": [1]}), tmp_path / "other.parquet")
    with pytest.raises(RunFormatError, match="needs a column 'mean'"):
        tables.load(tmp_path / "other.parquet")
    pq.write_table(pa.table({"mean": [[1.0], [1.0, 2.0]]}), tmp_path / "ragged.parquet")
    with pytest.raises(RunFormatError, match="lists of one length"):
        tables.load(tmp_path / "ragged.parquet")
    for rows in ([[1.0], [2.0, 3.0, 4.0]], [[1.0, 2.0], None, [3.0, 4.0]]):
        pq.write_table(pa.table({"mean": rows}), tmp_path / "ragged.parquet")
        with pytest.raises(RunFormatError, match="lists of one length"):
            tables.load(tmp_path / "ragged.parquet")
    pq.write_table(
        pa.table({"mean": [[1.0]], "label": pa.array([None], pa.int64())}), tmp_path / "gap.parquet"
    )
    with pytest.raises(RunFormatError, match="none missing"):
        tables.load(tmp_path / "gap.parquet")
    for notes in (b"{", b"[1]", b'{"factors": ["size"]}'):
        table = pa.table({"mean": [[1.0]]}).replace_schema_metadata({b"zscape": notes})
        pq.write_table(table, tmp_path / "notes.parquet")
        with pytest.raises(RunFormatError, match=r"metadata that cannot be read|lacks the factor columns"):
            tables.load(tmp_path / "notes.parquet")
    pq.write_table(pa.table({"mean": ["a", "b"]}), tmp_path / "words.parquet")
    with pytest.raises(RunFormatError, match="lists of floats"):
        tables.load(tmp_path / "words.parquet")


def test_join_matches_by_id_whatever_the_order():
    codes = Codes(id=np.array([3, 1, 2]), split=np.array(["test"] * 3), mean=np.eye(3, dtype=np.float32))
    joined = tables.join(codes, np.array([9, 2, 3]), size=np.array([90, 20, 30]))
    assert joined.id.tolist() == [3, 2]
    assert joined.factors["size"].tolist() == [30, 20]
    assert codes.factors == {}


@pytest.mark.parametrize(
    ("ids", "size", "match"),
    [
        ([1, 1], [0, 0], "distinct"),
        ([1], [0, 0], "needs 1 values"),
        ([7], [0], "none of those"),
        ([], [], "none of"),
    ],
)
def test_joins_that_cannot_be_are_refused(ids, size, match):
    codes = Codes(id=np.array([1]), split=np.array(["test"]), mean=np.zeros((1, 2), np.float32))
    with pytest.raises(ValueError, match=match):
        tables.join(codes, np.array(ids, dtype=int), size=np.array(size))


def test_a_factor_cannot_take_the_name_of_a_column(tmp_path):
    codes = Codes(
        id=np.array([1]),
        split=np.array(["test"]),
        mean=np.zeros((1, 2), np.float32),
        factors={"label": np.array([1])},
    )
    with pytest.raises(ValueError, match="cannot be called 'label'"):
        tables.save(codes, tmp_path / "codes.parquet")


def test_a_model_of_another_shape_is_refused(data):
    with pytest.raises(ValueError, match=r"\(1, 4, 4\), but the data's are \(1, 8, 8\)"):
        zs.encode(zs.Autoencoder.mlp((1, 4, 4), latent=2), data)
    with pytest.raises(ValueError, match="batch >= 1"):
        zs.encode(model_for(data), data, batch=0)


@pytest.mark.parametrize(
    ("column", "holds"),
    [
        ({"id": [0.5, 1.5]}, "'id' as whole numbers, none missing, but holds double"),
        ({"id": ["a", "b"]}, "but holds string"),
        ({"id": [1, None]}, "but holds int64, 1 missing"),
        ({"label": [0.0, 1.0]}, "'label' as whole numbers"),
        ({"mean": [["a"], ["b"]]}, "'mean' as lists of floats, but holds list<"),
        ({"logvar": [0.0, 1.0]}, "'logvar' as lists of floats, but holds double"),
    ],
)
def test_columns_of_another_kind_are_refused(tmp_path, column, holds):
    path = tmp_path / "codes.parquet"
    pq.write_table(pa.table({"mean": [[0.0], [1.0]]} | column), path)
    with pytest.raises(RunFormatError, match=re.escape(holds)):
        tables.load(path)
