import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import zscape as zs
from zscape import drawing
from zscape.base import Result
from zscape.errors import RunFormatError
from zscape.model import draw
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


def test_results_of_several_samplers_are_kept_under_what_they_are_of(run):
    first = [result("precision", 1.0), result("rke", 2.0)]
    run.record(first, of="gaussian")
    run.record([result("precision", 3.0)], of="mixture")
    run.record([result("precision", 4.0)])
    run.record([result("precision", 5.0)], of="gaussian")
    assert {r.name: r.value for r in run.results()} == {
        "gaussian_precision": 5.0,
        "gaussian_rke": 2.0,
        "mixture_precision": 3.0,
        "precision": 4.0,
    }
    assert [r.name for r in first] == ["precision", "rke"]
    for wrong in ("", "two words", "2d"):
        with pytest.raises(ValueError, match=f"letters, digits and underscores, .* but is '{wrong}'"):
            run.record(first, of=wrong)


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
    with pytest.raises(RunFormatError, match=r"spec\.json: lacks data; fit"):
        Run(tmp_path)
    (tmp_path / "spec.json").write_text("[1]")
    with pytest.raises(RunFormatError, match=r"spec.json"):
        Run(tmp_path)


def test_a_missing_file_names_the_command_that_makes_it(run):
    (run.path / "weights.safetensors").unlink()
    with pytest.raises(RunFormatError, match=r"no weights\.safetensors; make it with zscape fit"):
        _ = Run(run.path).model


def spoil(path, keys, value=None):
    """Set what lies under keys in a JSON file, or drop it if no value is given."""
    whole = json.loads(path.read_text())
    holder = whole
    for key in keys[:-1]:
        holder = holder[key]
    if value is None:
        del holder[keys[-1]]
    else:
        holder[keys[-1]] = value
    path.write_text(json.dumps(whole))


@pytest.mark.parametrize(
    "keys",
    [
        ("data", "fingerprint"),
        ("model", "shape"),
        ("model", "latent"),
        ("objective", "kl", "term"),
        ("epochs",),
        ("batch",),
        ("engine",),
        ("optimiser",),
    ],
    ids=".".join,
)
def test_a_spec_that_lacks_a_key_or_has_a_wrong_one_is_named(run, keys):
    spec = run.path / "spec.json"
    whole = spec.read_text()
    spoil(spec, keys)
    with pytest.raises(RunFormatError, match=rf"spec\.json: lacks {'.'.join(keys)};"):
        Run(run.path)
    spec.write_text(whole)
    spoil(spec, keys, True)
    with pytest.raises(RunFormatError, match=rf"spec\.json: {'.'.join(keys)} needs .* but is true"):
        Run(run.path)


@pytest.mark.parametrize(
    ("keys", "value", "match"),
    [
        (("data",), [1], "data needs an object, but is a list"),
        (("model",), [1], "model needs an object, but is a list"),
        (("objective", "kl"), [1], "objective.kl needs to be an object, but is a list"),
        (("engine",), "fast", "engine needs an object, but is a text"),
        (("model", "shape"), [1, -8, 8], "model.shape needs whole numbers > 0, but holds -8"),
        (("epochs",), 1.5, "epochs needs a whole number, but is 1.5"),
    ],
)
def test_a_spec_of_wrong_values_is_named(run, keys, value, match):
    spoil(run.path / "spec.json", keys, value)
    with pytest.raises(RunFormatError, match=match):
        Run(run.path)


@pytest.mark.parametrize("name", ["spec.json", "results.json"])
@pytest.mark.parametrize("text", ["[" * 100_000, '{"a": ' + "1" * 5_000 + "}"], ids=["deep", "long"])
def test_json_that_python_cannot_take_is_named(run, name, text):
    (run.path / name).write_text(text)
    with pytest.raises(RunFormatError, match=rf"{name} is not readable JSON"):
        Run(run.path).results()


@pytest.mark.parametrize(
    ("keys", "value", "match"),
    [
        (("measures",), None, "lacks measures"),
        (("measures",), {"a": 1}, "measures needs a list, but is an object"),
        (("measures", 1), 3, r"measures\[1\] needs to be an object, but is a whole number"),
        (("measures", 1, "value"), None, r"lacks measures\[1\].value"),
        (("measures", 1, "value"), "1", r"measures\[1\].value needs a finite number, but is a text"),
        (("measures", 1, "value"), float("nan"), r"measures\[1\].value needs a finite number, but is nan"),
        (("measures", 0, "n"), 2.5, r"measures\[0\].n needs a whole number, but is 2.5"),
        (("measures", 0, "low"), [], r"measures\[0\].low needs a finite number or null, but is a list"),
        (("measures", 0, "colour"), "red", r"measures\[0\] has an unknown key 'colour'"),
    ],
)
def test_results_that_are_none_are_named(run, keys, value, match):
    run.record([result("a", 1.0), result("b", 2.0)])
    spoil(run.path / "results.json", keys, value)
    with pytest.raises(RunFormatError, match=rf"results\.json: .*{match}.*zscape measure"):
        run.results()


def test_results_of_an_empty_object_or_a_list_are_named(run):
    for text, match in (("{}", "lacks measures"), ("[]", "the file needs to be an object, but is a list")):
        (run.path / "results.json").write_text(text)
        with pytest.raises(RunFormatError, match=match):
            run.results()


def test_a_result_without_a_seed_is_still_read(run):
    run.record([result("a", 1.0)])
    spoil(run.path / "results.json", ("measures", 0, "seed"))
    assert run.results() == [result("a", 1.0)]


@pytest.mark.parametrize(
    ("rows", "match"),
    [
        (np.array([0.0, 1.0]), "whole numbers in train, but holds float64"),
        (np.array([[0, 1]]), r"holds int64 of shape \(1, 2\)"),
        (np.array([3, -2]), "rows >= 0 in train, but holds -2"),
        (np.array(["a"]), "whole numbers in train"),
    ],
)
def test_splits_that_are_no_rows_are_named(run, rows, match):
    np.savez(run.path / "splits.npz", train=rows)
    with pytest.raises(RunFormatError, match=match):
        _ = Run(run.path).splits


def test_splits_that_are_one_array_are_named(run):
    with (run.path / "splits.npz").open("wb") as file:
        np.save(file, np.arange(3))
    with pytest.raises(RunFormatError, match=r"splits\.npz cannot be read"):
        _ = Run(run.path).splits


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("step,epoch,split,total\n1,1,train\n", "needs 4 cells a row, but row 1 has 3"),
        ("step,epoch,split,total\n1,1,train,2\n2,1,train,3,4\n", "row 2 has 5"),
        ("step,epoch,split,total\n1,1,train,heavy\n", "numbers under total, but one cannot be read.*heavy"),
        ("step,epoch,split,total\n1,,train,2\n", "under epoch, but one is missing"),
        ("step,epoch,split,total\n1,1,trian,2\n", "train, validation, test under split, but holds 'trian'"),
        ("step,split,total\n1,train,2\n", "lacks the column epoch"),
        ("step,epoch,split\n1,1," + "x" * 200_000, "cannot be read"),
    ],
)
def test_a_garbled_history_is_named(run, text, match):
    (run.path / "history.csv").write_text(text)
    with pytest.raises(RunFormatError, match=rf"history\.csv .*{match}"):
        run.history()


def test_a_history_reads_empty_cells_as_nan_and_may_hold_no_row(run):
    (run.path / "history.csv").write_text("step,epoch,split,total\n1,1,train,\n2,1,validation,3.5\n")
    history = run.history()
    np.testing.assert_array_equal(history["total"], [np.nan, 3.5])
    assert history["split"].tolist() == ["train", "validation"]
    (run.path / "history.csv").write_text("step,epoch,split\n")
    assert run.history() == {}


@pytest.fixture
def drawn(tmp_path):
    """A run of drawings, untrained."""
    model = zs.Autoencoder.lstm((9, 5), latent=3, encoder=4, decoder=8, mixtures=2)
    spec = {key: {} for key in ("data", "objective", "optimiser", "engine")}
    spec |= {"data": {"fingerprint": ""}, "model": model.to_spec(), "epochs": 1, "batch": 1, "seed": 0}
    (tmp_path / "spec.json").write_text(json.dumps(spec))
    save_file(model.state_dict(), tmp_path / "weights.safetensors")
    return Run(tmp_path)


def test_what_is_shown_of_codes_of_pictures_is_decoded(run):
    z = np.random.default_rng(0).normal(size=(4, 2))
    assert not run.of_drawings
    for shown in (run.shown(z), run.shown(z, seed=5), run.pictures(z), run.pictures(z, seed=5)):
        np.testing.assert_array_equal(shown, run.decode(z))


def test_what_is_shown_of_codes_of_drawings_is_drawn(drawn):
    z = np.random.default_rng(0).normal(size=(4, 3))
    assert drawn.of_drawings
    shown = drawn.shown(z, seed=2)
    np.testing.assert_array_equal(shown, draw(drawn.model, z, temperature=0.6, seed=2))
    assert (shown != drawn.shown(z, seed=3)).any()
    pictures = drawn.pictures(z, seed=2)
    assert pictures.shape == (4, 1, 64, 64)
    np.testing.assert_array_equal(pictures, drawing.bitmaps(shown))
    assert drawn.pictures(z[:0]).shape == (0, 1, 64, 64)


def test_codes_that_do_not_fit_are_not_drawn(drawn):
    with pytest.raises(ValueError, match=r"\(N, 3\)"):
        drawn.pictures(np.zeros((2, 4)))


def test_vectors_have_no_pictures(tmp_path, drawn):
    model = zs.Autoencoder.mlp((9, 5), latent=3, widths=(4,))
    spec = {**drawn.spec, "model": model.to_spec()}
    (tmp_path / "spec.json").write_text(json.dumps(spec))
    save_file(model.state_dict(), tmp_path / "weights.safetensors")
    vectors = Run(tmp_path)
    assert not vectors.of_drawings
    with pytest.raises(ValueError, match=r"have shape \(9, 5\); use decode"):
        vectors.pictures(np.zeros((1, 3)))
    assert vectors.shown(np.zeros((1, 3))).shape == (1, 9, 5)
