import json

import numpy as np
import pytest
import torch

import zscape as zs
from zscape.base import Result
from zscape.errors import RunFormatError
from zscape.run import Run


@pytest.fixture
def run(tmp_path):
    data = zs.data.load("digits")
    torch.manual_seed(0)
    model = zs.Autoencoder.mlp(data.shape, latent=2, widths=(8,))
    return zs.fit(model, zs.recipes.vae(), data, out=tmp_path / "run", epochs=1)


def result(name, value):
    return Result(name, value, None, None, 3, "nats", "as measured")


def test_the_model_is_rebuilt_from_the_folder_alone(run):
    z = np.random.default_rng(0).normal(size=(4, 2)).astype(np.float32)
    np.testing.assert_array_equal(Run(run.path).decode(z), run.decode(z))
    assert not Run(run.path).model.training


def test_results_of_one_name_are_replaced_and_others_kept(run):
    run.record([result("a", 1.0), result("b", 2.0)])
    run.record([result("b", 3.0), result("c", 4.0)])
    assert {r.name: r.value for r in run.results()} == {"a": 1.0, "b": 3.0, "c": 4.0}
    assert set(json.loads((run.path / "results.json").read_text())["measures"][0]) == {
        "name",
        "value",
        "low",
        "high",
        "n",
        "unit",
        "definition",
        "seed",
    }


def test_a_value_that_is_not_finite_is_refused_and_the_file_kept(run):
    run.record([result("a", 1.0)])
    with pytest.raises(ValueError, match="b is nan"):
        run.record([result("b", float("nan"))])
    assert [r.name for r in run.results()] == ["a"]


def test_before_measuring_there_are_no_results(run):
    assert run.results() == []


@pytest.mark.parametrize(
    ("damage", "read", "match"),
    [
        ("weights.safetensors", lambda run: run.model, r"weights\.safetensors cannot be read"),
        ("results.json", lambda run: run.results(), r"results\.json is not readable JSON"),
        ("splits.npz", lambda run: run.splits, r"splits\.npz cannot be read"),
    ],
)
def test_damaged_files_are_named(run, damage, read, match):
    (run.path / damage).write_bytes(b"\x00garbage")
    with pytest.raises(RunFormatError, match=match):
        read(Run(run.path))


def test_weights_of_another_model_are_named(run):
    spec = json.loads((run.path / "spec.json").read_text())
    spec["model"]["latent"] = 7
    (run.path / "spec.json").write_text(json.dumps(spec))
    with pytest.raises(RunFormatError, match=r"do not fit the model that spec\.json describes"):
        _ = Run(run.path).model


def test_folders_that_are_not_runs_are_named(tmp_path):
    with pytest.raises(RunFormatError, match="not one; make it with zscape fit"):
        Run(tmp_path / "none")
    with pytest.raises(RunFormatError, match=r"has no spec.json; make it with zscape fit"):
        Run(tmp_path)
    (tmp_path / "spec.json").write_text("{}")
    with pytest.raises(RunFormatError, match="lacks data, model, objective, seed"):
        Run(tmp_path)
    (tmp_path / "spec.json").write_text("[1]")
    with pytest.raises(RunFormatError, match=r"spec.json"):
        Run(tmp_path)


def test_a_missing_file_names_the_command_that_makes_it(run):
    (run.path / "weights.safetensors").unlink()
    with pytest.raises(RunFormatError, match=r"no weights\.safetensors; make it with zscape fit"):
        _ = Run(run.path).model
