"""Every command on a run of drawings."""

import json
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

import zscape as zs
from zscape.app.settings import build, gather

TINY = (
    *("data.name=doodles:count=60", "model.latent=2", "model.encoder=4", "model.decoder=4"),
    "model.mixtures=2",
)


@pytest.fixture
def run(drawn, tmp_path):
    """The small run of drawings, to write into."""
    return shutil.copytree(drawn, tmp_path / "run")


def built(*pairs):
    return build(gather(None, {}, pairs))


def test_drawings_take_the_recurrent_network_by_themselves(drawn):
    spec = zs.Run(drawn).spec
    assert spec["model"] == {
        "net": "lstm",
        "shape": [len_of(drawn) + 1, 5],
        "latent": 3,
        "encoder": 8,
        "decoder": 16,
        "mixtures": 2,
        "stochastic": True,
        "layer_norm": False,
        "dropout": 0.0,
    }
    assert list(spec["objective"]) == ["reconstruction", "kl"]


def len_of(path):
    return zs.data.load(zs.Run(path).spec["data"]["name"]).shape[0] - 1


def test_without_settings_the_network_has_the_published_size():
    spec = built("data.name=doodles:count=60").model.to_spec()
    assert (spec["net"], spec["latent"], spec["encoder"], spec["decoder"]) == ("lstm", 128, 256, 512)


def test_settings_of_drawings_reach_what_they_name():
    request = built(*TINY, "model.layer_norm=true", "model.dropout=0.1", "data.limit=40", "data.augment=true")
    spec = request.model.to_spec()
    assert (spec["layer_norm"], spec["dropout"], spec["mixtures"]) == (True, 0.1, 2)
    assert request.data.to_spec()["augment"] is True
    assert 40 >= request.data.shape[0] - 1 > 0
    assert sum(request.data.left_out.values()) > 0


@pytest.mark.parametrize("recipe", ["decorrelated_vae", "dip_vae", "autoencoder", "mmd_vae"])
def test_every_recipe_fits_drawings(zscape, tmp_path, recipe):
    sets = [word for pair in TINY[1:] for word in ("--set", pair)]
    words = ("--data", TINY[0].partition("=")[2], "--recipe", recipe, "--batch", 24, "--epochs", 1, *sets)
    done = zscape("fit", *words, "--out", tmp_path / "run")
    assert done.code == 0, done.err
    spec = zs.Run(tmp_path / "run").spec
    assert spec["model"]["stochastic"] is (recipe != "autoencoder")
    assert spec["objective"]["reconstruction"]["term"].endswith(":negative_log_likelihood")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--net", "mlp"), "model.net=mlp is for pictures, but doodles holds drawings"),
        (("--net", "conv"), "choose lstm"),
        (("--data", "digits", "--net", "lstm"), "model.net=lstm is for drawings, but digits holds pictures"),
        (("--set", "head.name=gaussian"), "head.name means nothing with net lstm"),
        (("--net", "lstm", "--set", "head.std=1"), "head.std means nothing with net lstm"),
        (("--set", "model.widths=[3]"), "model.widths is a setting of mlp, but the network is lstm"),
        (("--data", "digits", "--set", "model.encoder=3"), "model.encoder is a setting of lstm, but"),
        (("--set", "model.encodr=3"), "unknown setting 'model.encodr': did you mean 'model.encoder'"),
        (("--set", "model.encoder=0"), "model: lstm needs encoder, decoder and mixtures >= 1"),
        (("--set", "squared_error.weight=1"), "drawings have no such counterparts"),
        (("--set", "data.size=28"), "for which size mean nothing"),
        (("--data", "digits", "--set", "data.augment=true"), "digits are pictures"),
        (("--data", "digits", "--set", "data.limit=9"), "digits are pictures"),
    ],
)
def test_a_network_that_does_not_fit_is_one_line(zscape, tmp_path, words, said):
    data = () if "--data" in words else ("--data", "doodles:count=60")
    done = zscape("fit", *data, *words, "--out", tmp_path / "new")
    assert done.code in (1, 2)
    assert done.err.count("\n") == 1
    assert said in done.err
    assert not (tmp_path / "new").exists()


def test_measure_says_what_the_functions_do(zscape, run):
    measured = {e["name"]: e for e in json.loads(zscape("measure", run, "--samples", 2, "--json").out)}
    data, model = zs.data.load("doodles:count=60"), zs.Run(run).model
    assert isinstance(data, zs.data.Strokes)
    codes = zs.encode(model, data).of("test")
    units = np.array([data.scale, data.scale, 1])
    x = zs.strokes.to_stroke5([sketch / units for sketch in data.sketches(codes.id)])
    expected = zs.measure.sketch_likelihood(
        zs.measure.log_likelihood_per_sample(x, codes, model.log_prob), zs.strokes.lengths(x)
    )
    for result in expected:
        assert measured[result.name]["value"] == pytest.approx(result.value, rel=1e-4)
    assert {"elbo", "active_units", "effective_rank"} <= set(measured)
    assert not {"squared_error", "psnr", "ssim"} & set(measured)


def test_progress_of_a_measure_ends_at_the_whole(zscape, run):
    done = zscape("measure", run, "--samples", 2)
    shares = [int(line.split()[1]) for line in done.err.splitlines() if " % " in line]
    assert max(shares) == 100


@pytest.mark.parametrize("method", ["iid", "quantize", "representatives", "by-class"])
def test_samples_of_drawings_are_pictures(zscape, run, method):
    done = zscape("sample", run, "--method", method, "--count", 6, "--temperature", 0.3, "--json")
    assert done.code == 0, done.err
    said = json.loads(done.out)
    assert {path.name for path in (run / "samples").iterdir()} == {
        f"{number:04d}.{kind}" for number in range(6) for kind in ("svg", "png")
    }
    with Image.open(said["pictures"]) as picture:
        assert picture.size[0] > 100
    notes = json.loads(pq.read_schema(run / "samples.parquet").metadata[b"zscape"])
    assert notes["temperature"] == 0.3


def test_of_chosen_drawings_those_that_are_shown_are_measured(zscape, run):
    said = json.loads(zscape("sample", run, "--method", "representatives", "--count", 6, "--json").out)
    data = zs.data.load("doodles:count=60")
    assert isinstance(data, zs.data.Strokes)
    rows = pq.read_table(run / "samples.parquet")["id"].to_pylist()
    x = zs.strokes.to_stroke5(
        [sketch / [data.scale, data.scale, 1] for sketch in data.sketches(np.array(rows))]
    )
    ink = 1 - zs.drawing.bitmaps(x).reshape(6, -1)
    (found,) = [e for e in said["measures"] if e["name"] == "mean cosine similarity of bitmaps"]
    assert found["value"] == pytest.approx(zs.measure.mean_cosine_similarity(ink).value, rel=1e-4)
    assert "as they are in the data" in found["definition"]


def test_temperature_changes_drawings_and_not_codes(zscape, run):
    z, shown = [], []
    for temperature in (0, 1, 1):
        assert zscape("sample", run, "--count", 4, "--temperature", temperature).code == 0
        z.append(pq.read_table(run / "samples.parquet")["code"].to_pylist())
        shown.append((run / "figures" / "samples.svg").read_text())
    assert z[0] == z[1] == z[2]
    assert shown[1] == shown[2]
    assert shown[0] != shown[1]
    assert zscape("sample", run, "--temperature", "nan").code == 2
    assert "--temperature needs a number" in zscape("sample", run, "--temperature", "inf").err


def test_measures_of_a_set_are_those_of_its_bitmaps(zscape, run, monkeypatch):
    # An untrained network may draw nothing, which has no cosine; bitmaps are then not compared.
    dots = np.zeros((1, 1, 64, 64), np.float32)
    dots[..., :8] = 1

    def pictures(self, z, *, seed=0, temperature=0.4):
        return np.concatenate([np.roll(dots, 2 * number, axis=3) for number in range(len(z))])

    monkeypatch.setattr(zs.Run, "pictures", pictures)
    said = json.loads(zscape("sample", run, "--count", 3, "--json").out)
    measures = {entry["name"]: entry["value"] for entry in said["measures"]}
    ink = 1 - pictures(None, range(3)).reshape(3, -1)
    expected = zs.measure.mean_cosine_similarity(ink).value
    assert measures["mean cosine similarity of bitmaps"] == pytest.approx(expected)
    assert measures["Vendi score of bitmaps"] == pytest.approx(zs.measure.vendi_score(ink).value)


def test_a_temperature_is_for_drawings(zscape, fitted):
    done = zscape("sample", fitted, "--temperature", 0.5)
    assert done.code == 2
    assert "--temperature needs a run of drawings" in done.err


def test_the_report_of_drawings_is_written(zscape, run):
    zscape("sample", run, "--count", 4, "--temperature", 0.7)
    done = zscape("report", run)
    assert done.code == 0, done.err
    assert "at temperature 0.7" in (run / "report.html").read_text("utf-8")
