import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

import zscape as zs

SMALL = ("--set", "model.widths=[16]", "--epochs", 2, "--latent", 3)


def lines(text):
    return [line for line in text.splitlines() if line.strip()]


def test_the_whole_chain(zscape, tmp_path):
    run = tmp_path / "run"
    fit = zscape(
        "fit", "--data", "digits", "--recipe", "vae", "--set", "kl.weight=1", *SMALL, "--out", run, "--json"
    )
    assert fit.code == 0, fit.err
    assert json.loads(fit.out) == {"run": str(run)}
    assert "samples/s" in fit.err
    assert json.loads(zscape("encode", run, "--json").out) == {"codes": str(run / "codes.parquet")}
    measured = json.loads(zscape("measure", run, "--samples", 5, "--json").out)
    by_name = {entry["name"]: entry for entry in measured}
    assert {"squared_error", "psnr", "ssim", "elbo", "importance_bound", "active_units"} <= set(by_name)
    assert by_name["elbo"]["value"] <= by_name["importance_bound"]["value"]
    assert by_name["psnr"]["low"] < by_name["psnr"]["value"] < by_name["psnr"]["high"]
    assert by_name["elbo"]["n"] == len(zs.Run(run).splits["test"])
    assert json.loads((run / "results.json").read_text())["measures"] == measured
    sampled = json.loads(zscape("sample", run, "--count", 5, "--json").out)
    assert pq.read_table(sampled["samples"]).num_rows == 5
    with Image.open(sampled["pictures"]) as picture:
        assert picture.size[0] > 100
    reported = zscape("report", run, "--json")
    report = json.loads(reported.out)["report"]
    assert lines(reported.err)[0] == "report  0 %  learning curves"
    assert lines(reported.err)[-1].startswith("report  100 %")
    assert "<html" in Path(report).read_text("utf-8")


def test_measures_are_those_of_the_functions(zscape, fitted):
    measured = {e["name"]: e for e in json.loads(zscape("measure", fitted, "--samples", 2, "--json").out)}
    data, run = zs.data.load("digits"), zs.Run(fitted)
    codes = zs.encode(run.model, data).of("test")
    x = data.batch(torch.from_numpy(codes.id), "cpu")[0].numpy()
    expected = zs.measure.psnr(x, run.decode(codes.mean), data_range=1.0)
    assert measured["psnr"]["value"] == pytest.approx(expected.value, rel=1e-5)
    assert "test split" in measured["psnr"]["definition"]


def test_a_limit_measures_a_random_part_and_says_so(zscape, fitted):
    measured = json.loads(zscape("measure", fitted, "--samples", 2, "--limit", 50, "--seed", 3, "--json").out)
    # A probe learns from two thirds of the rows and is tested on the others.
    probes = {
        entry["n"] for entry in measured if entry["name"] in ("linear_probe_accuracy", "neighbour_accuracy_5")
    }
    assert probes == {17}
    assert {entry["n"] for entry in measured} - probes <= {50, 49, 50 * 49 // 2}
    assert all("a random 50 of its 180 rows (seed 3)" in entry["definition"] for entry in measured)


def test_disentanglement_is_of_all_rows_where_factors_are_known(zscape, tmp_path):
    data = "sprites:size=8,scales=2,orientations=1,positions=5"
    fit = zscape("fit", "--data", data, "--recipe", "vae", *SMALL, "--out", tmp_path / "run")
    assert fit.code == 0, fit.err
    assert zscape("encode", tmp_path / "run").code == 0
    done = zscape("measure", tmp_path / "run", "--samples", 2, "--limit", 9, "--json")
    measured = {entry["name"]: entry for entry in json.loads(done.out)}
    codes = zs.codes.load(tmp_path / "run" / "codes.parquet")
    expected = zs.measure.mig(zs.measure.histogram_information(codes, zs.measure.whole_factors(codes)))
    assert measured["mig_hist"]["value"] == pytest.approx(expected.value)
    assert measured["mig_hist"]["n"] == len(codes) == 150
    assert measured["mig_hist"]["definition"].endswith(", on all 150 rows of all splits")
    assert {"sap", "dci_disentanglement_forest", "factor_vae_score"} <= measured.keys()
    assert measured["psnr"]["n"] == 9
    assert "disentanglement" in done.err


def test_other_splits_are_measured_beside_the_test_split(zscape, fitted):
    for split in ("test", "train"):
        assert zscape("measure", fitted, "--samples", 2, "--split", split).code == 0
    named = {result.name: result for result in zs.Run(fitted).results()}
    assert named["psnr"].n == 180
    assert named["train_psnr"].n == 1437


def test_codes_of_older_weights_are_refused_and_what_came_of_them_removed(zscape, fitted, tmp_path):
    import shutil

    run = tmp_path / "run"
    shutil.copytree(fitted, run)
    zscape("measure", run, "--samples", 2)
    shutil.copy(run / "weights.safetensors", tmp_path / "old")
    tensors = zs.Run(run).weights("weights.safetensors")
    model = zs.Autoencoder.from_spec(zs.Run(run).spec["model"])
    model.load_state_dict({name: tensor + 1e-3 for name, tensor in tensors.items()})
    zs.training.checkpoint.save_weights(model, run / "weights.safetensors")
    for words in (("measure", run), ("sample", run, "--density", "gaussian"), ("report", run)):
        done = zscape(*words)
        assert done.code == 1
        assert "made with other weights" in done.err
    assert zscape("encode", run).code == 0
    assert not (run / "results.json").exists()
    assert zscape("measure", run, "--samples", 2).code == 0


def test_the_prior_is_remarked_on_where_nothing_pulls_to_it(zscape, tmp_path):
    run = tmp_path / "run"
    zscape("fit", "--recipe", "autoencoder", *SMALL, "--out", run)
    done = zscape("sample", run, "--count", 2)
    assert done.code == 0
    assert "nothing in this objective pulls codes to the prior" in done.err


def test_measure_prints_a_table_with_intervals(zscape, fitted):
    done = zscape("measure", fitted, "--samples", 2)
    assert done.code == 0
    rows = lines(done.out)
    assert rows[0].split()[0] == "measure"
    psnr = next(row for row in rows if row.startswith("psnr"))
    assert " to " in psnr
    assert "dB" in psnr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("fit",), "fit needs a folder to write: --out runs/NAME"),
        (
            ("fit", "--out", "{new}", "--set", "kll.weight=4"),
            "unknown setting 'kll.weight': did you mean 'kl.weight'",
        ),
        (
            ("fit", "--out", "{new}", "--set", "kl.wieght=4"),
            "unknown setting 'kl.wieght': did you mean 'kl.weight'",
        ),
        (("fit", "--out", "{new}", "--set", "optimiser.lr=1"), "unknown setting 'optimiser.lr'"),
        (("fit", "--out", "{new}", "--set", "kl.weight"), "--set needs key=value"),
        (("fit", "--out", "{new}", "--set", "kl.weight=heavy"), "kl.weight needs a number or a schedule"),
        (("fit", "--out", "{new}", "--set", "kl.weight=Warmup(stop=1)"), "missing"),
        (("fit", "--out", "{new}", "--set", "kl.weight=Warmap(stop=1.0, steps=5)"), "did you mean 'Warmup'"),
        (
            ("fit", "--out", "{new}", "--set", "kl.weight=__import__('os')"),
            "kl.weight needs a number or Name",
        ),
        (("fit", "--out", "{new}", "--set", "epochs=1.5"), "epochs needs a whole number, but got 1.5"),
        (("fit", "--out", "{new}", "--set", "engine.bf16=maybe"), "engine.bf16 needs true or false"),
        (("fit", "--out", "{new}", "--set", "model.widths=[0]"), "widths, each >= 1"),
        (("fit", "--out", "{new}", "--set", "model.widths=5"), "model.widths needs a list"),
        (
            ("fit", "--out", "{new}", "--recipe", "perceptual_vae", "--set", "recipe.layers=relu1"),
            'recipe.layers needs a list such as ["name"]',
        ),
        (("fit", "--out", "{new}", "--set", "optimiser.rate=-1"), "rate > 0"),
        (("fit", "--out", "{new}", "--set", "model.activation=relo"), "did you mean 'ReLU'"),
        (("fit", "--out", "{new}", "--set", "head.std=0.1"), "unknown setting 'head.std'"),
        (("fit", "--out", "{new}", "--net", "conv"), "at least 16 pixels a side, but got 8x8"),
        (("fit", "--out", "{new}", "--net", "mpl"), "model.net cannot be 'mpl': did you mean 'mlp'"),
        (("fit", "--out", "{new}", "--recipe", "vea"), "did you mean 'vae'"),
        (
            ("fit", "--out", "{new}", "--recipe", "autoencoder", "--set", "kl.capacity=1"),
            "has no term 'kl'; to add it",
        ),
        (("fit", "--out", "{new}", "--recipe", "autoencoder", "--set", "kl.weight=1"), "stochastic=True"),
        (("fit", "--out", "{new}", "--data", "mnits"), "mnist"),
        (("fit", "--out", "{new}", "--config", "{new}/none.toml"), "none.toml cannot be read"),
        (("fit", "--out", "{old}"), "needs a new folder"),
        (("fit", "--resume", "{old}", "--epochs", "3"), "--resume continues what was asked then"),
        (("fit", "--resume", "{new}"), "make it with zscape fit"),
        (("encode", "{new}"), "make it with zscape fit"),
        (("measure", "{old}", "--split", "tset"), "the splits present are: test, train, validation"),
        (("data", "show", "nothing-here"), "nothing-here"),
        (("data", "fetch", "digits"), "digits"),
    ],
)
def test_what_is_asked_wrongly_is_one_line_and_no_traceback(zscape, fitted, tmp_path, words, said):
    fill = {"new": tmp_path / "new", "old": fitted}
    done = zscape(*(word.format(**fill) for word in words))
    assert done.code in (1, 2)
    assert said in done.err
    assert len(lines(done.err)) == 1
    assert done.err.startswith("zscape: ")
    assert not (tmp_path / "new").exists()


def test_settings_reach_what_they_name(zscape, tmp_path):
    config = tmp_path / "recipe.toml"
    config.write_text(
        'epochs = 1\nbatch = 64\n[recipe]\nname = "mmd_vae"\n[mmd]\nbandwidth = "median"\nscale = 0.5\n'
        '[model]\nwidths = [8]\nactivation = "gelu"\n[head]\nname = "gaussian"\nstd = "none"\n'
        '[reconstruction]\nweight = "Cyclical(stop=1.0, period=10)"\n[data]\nsize = 6\n'
    )
    pairs = ["batch=32", "kl.weight=0.5", "kl.free_bits=0.25", "kl.capacity=Warmup(stop=5.0, steps=9)"]
    pairs += [
        "optimiser.rate=CosineDecay(start=0.01, steps=40)",
        "optimiser.betas=[0.8, 0.9]",
        "optimiser.clip_norm=1",
    ]
    pairs += ["engine.log_every=5", "engine.accelerator=cpu"]
    sets = [word for pair in pairs for word in ("--set", pair)]
    done = zscape("fit", "--config", config, "--latent", 4, *sets, "--out", tmp_path / "run")
    assert done.code == 0, done.err
    spec = json.loads((tmp_path / "run" / "spec.json").read_text())
    assert spec["epochs"] == 1
    assert spec["batch"] == 32
    assert spec["model"]["shape"] == [1, 6, 6]
    assert spec["model"]["latent"] == 4
    assert spec["model"]["activation"] == "GELU"
    assert spec["model"]["head"] == {"name": "gaussian", "std": None}
    objective = spec["objective"]
    assert objective["reconstruction"]["weight"] == {
        "Cyclical": {"stop": 1.0, "period": 10, "ramp": 0.5, "start": 0.0}
    }
    assert objective["mmd"]["settings"]["bandwidth"] == {
        "function": "zscape.terms.divergence:median_bandwidth"
    }
    assert objective["mmd"]["settings"]["scale"] == 0.5
    assert objective["mmd"]["weight"] == 1000.0
    assert objective["kl"] == {
        "term": "zscape.terms.divergence:kl",
        "settings": {"free_bits": 0.25},
        "weight": 0.5,
        "capacity": {"Warmup": {"stop": 5.0, "steps": 9, "start": 0.0}},
    }
    assert spec["optimiser"]["rate"] == {
        "CosineDecay": {"start": 0.01, "steps": 40, "stop": 0.0, "warmup": 0}
    }
    assert spec["optimiser"]["betas"] == [0.8, 0.9]
    # What spec.json holds is enough to go on with all of it.
    zs.resume(tmp_path / "run", zs.data.load("digits", size=6))


def test_every_key_that_is_listed_is_known(zscape):
    from zscape.app.settings import _sections

    keys = json.loads(zscape("settings", "--json").out)
    assert len(keys) > 40
    assert {"kl.weight", "model.widths", "optimiser.rate", "engine.bf16", "data.size", "head.std"} <= set(
        keys
    )
    _sections(dict.fromkeys(keys))
    assert keys["mmd.bandwidth"] == {"takes": "zhao or dimension or median or a number", "default": "zhao"}
    assert keys["model.widths"]["default"] == "[500, 500]"
    assert keys["kl.weight"]["takes"].startswith("a number or a schedule")
    assert [line.split()[0] for line in lines(zscape("settings", "bandwidth").out)] == [
        "key",
        "mmd.bandwidth",
    ]
    assert zscape("settings", "no-such-key").code == 2


def test_a_diverged_fit_has_an_exit_code_of_its_own(zscape, tmp_path):
    done = zscape("fit", "--out", tmp_path / "run", "--set", "optimiser.rate=1e30", *SMALL)
    assert done.code == 3
    assert " at step " in done.err
    assert "Traceback" not in done.err


def test_help_says_what_is_taken_when_an_option_is_not_given(zscape):
    done = zscape("draw", "--help")
    assert "[default: 48]" in " ".join(done.out.replace("│", " ").split())


def test_help_names_every_recipe(zscape):
    told = " ".join(zscape("fit", "--help").out.replace("│", " ").split())
    assert [name for name in zs.recipes.__all__ if f" {name}" not in told] == []


def test_help_does_not_wait_for_torch():
    code = (
        "import sys; sys.argv = ['zscape', '--help']\n"
        "from zscape.app import cli\n"
        "try: cli.main()\n"
        "except SystemExit: pass\n"
        "sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_checkpoints_and_the_run_resumes(tmp_path, number):
    run = tmp_path / "run"
    command = [
        sys.executable,
        "-m",
        "zscape.app",
        "fit",
        "--out",
        run,
        "--epochs",
        100_000,
        "--set",
        "model.widths=[8]",
    ]
    process = subprocess.Popen(list(map(str, command)), stderr=subprocess.PIPE, text=True)
    begun = time.monotonic()
    while not (run / "spec.json").exists() and time.monotonic() - begun < 60:
        time.sleep(0.05)
    time.sleep(0.3)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert f"zscape fit --resume {run}" in lines(err)[-1]
    assert "Traceback" not in err
    state = torch.load(run / "checkpoint.ckpt", weights_only=True)
    assert state["place"]["step"] > 0


def test_data_list_says_where_it_looked(zscape, tmp_path):
    rows = json.loads(zscape("data", "list", "--data-dir", tmp_path, "--json").out)
    by_name = {row["name"]: row for row in rows}
    assert by_name["digits"]["here"]
    assert any(str(tmp_path) in place for place in by_name["mnist"]["looked"])
    table = zscape("data", "list", "--data-dir", tmp_path)
    assert "mnist" in table.out
    assert str(tmp_path) in table.err


def test_data_list_knows_every_file_that_a_network_is_read_from(zscape, tmp_path):
    (tmp_path / "networks").mkdir()
    file = tmp_path / "networks" / "vgg19_conv1_1_to_conv3_4_fp16.npz"
    file.touch()
    rows = json.loads(zscape("data", "list", "--data-dir", tmp_path, "--json").out)
    (row,) = [row for row in rows if row["name"] == "network:vgg19"]
    assert (row["here"], row["where"]) == (True, str(file))
    # The file that is here is not torchvision's, and so is neither its licence.
    assert "torchvision" not in row["licence"]
    assert "fetched: torchvision" in row["summary"]
    (file.parent / "vgg19-dcbb9e9d.pth").touch()
    rows = json.loads(zscape("data", "list", "--data-dir", tmp_path, "--json").out)
    (row,) = [row for row in rows if row["name"] == "network:vgg19"]
    assert "torchvision" in row["licence"]


def test_data_show_draws_what_the_model_sees(zscape, tmp_path):
    done = json.loads(
        zscape("data", "show", "digits", "--count", 20, "--out", tmp_path / "sheet.png", "--json").out
    )
    with Image.open(done["picture"]) as picture:
        assert picture.mode == "RGB"
    assert "8" in done["caption"]
    assert sum(done["splits"].values()) == 1797


def test_data_check_fails_on_a_broken_file(zscape, tmp_path):
    assert zscape("data", "check", "digits").code == 0
    (tmp_path / "a").mkdir()
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(tmp_path / "a" / "good.png")
    (tmp_path / "a" / "bad.png").write_bytes(b"\x89PNG nothing")
    done = zscape("data", "check", tmp_path, "--json")
    assert done.code == 1
    assert any("bad.png" in finding["path"] and not finding["good"] for finding in json.loads(done.out))


def test_data_that_changed_since_the_fit_is_refused(zscape, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (60, 5, 5), dtype=np.uint8)
    np.savez(tmp_path / "mine.npz", images=images)
    run = tmp_path / "run"
    assert zscape("fit", "--data", tmp_path / "mine.npz", *SMALL, "--out", run).code == 0
    np.savez(tmp_path / "mine.npz", images=255 - images)
    done = zscape("encode", run)
    assert done.code == 1
    assert "is not what" in done.err
    assert not (run / "codes.parquet").exists()


def test_codes_of_another_run_are_refused(zscape, fitted, tmp_path):
    import shutil

    run = tmp_path / "run"
    shutil.copytree(fitted, run)
    codes = zs.codes.load(run / "codes.parquet")
    zs.codes.save(codes.take(np.arange(100)), run / "codes.parquet")
    done = zscape("measure", run)
    assert done.code == 1
    assert "does not belong to this run" in done.err


def test_the_demo_runs_all_verbs_and_replaces_only_its_own_folder(zscape, tmp_path, monkeypatch):
    from zscape.app import work

    monkeypatch.setitem(work._DEMO, "epochs", 2)
    out = tmp_path / "demo"
    for _ in range(2):
        done = zscape("demo", "--out", out)
        assert done.code == 0, done.err
        assert lines(done.out)[-1] == f"report: {out / 'report.html'}"
    assert {"codes.parquet", "results.json", "samples.parquet", "report.html"} <= set(os.listdir(out))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("dear")
    refused = zscape("demo", "--out", tmp_path / "mine")
    assert refused.code == 2
    assert (tmp_path / "mine" / "thesis.txt").exists()


def test_real_mnist_fits_from_the_data_folder(zscape, shared_data, tmp_path):
    run = tmp_path / "run"
    pairs = ("--set", "model.widths=[64]", "--batch", 1000, "--epochs", 1, "--latent", 2)
    assert zscape("fit", "--data", "mnist", *pairs, "--out", run, "--data-dir", shared_data).code == 0
    assert zscape("encode", run).code == 0
    codes = zs.codes.load(run / "codes.parquet")
    assert len(codes) == 70_000
    assert len(codes.of("test")) == 10_000
