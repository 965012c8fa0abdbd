"""Whatever goes wrong is one line on standard error and an exit code."""

import pytest
import torch

import zscape as zs
from zscape.app import work
from zscape.app.settings import gather
from zscape.errors import SettingError

SMALL = ("--set", "model.widths=[8]", "--epochs", 1, "--latent", 2)
HINT = "(set ZSCAPE_TRACEBACK=1 to see where)"


def one_line(done, code):
    assert done.code == code
    assert done.err.startswith("zscape: ")
    assert done.err.count("\n") == 1
    return done.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("model.latent=99999999999",), "allocate"),
        pytest.param(
            ("engine.accelerator=cuda",),
            "accelerator is not available",
            marks=pytest.mark.skipif(torch.cuda.is_available(), reason="has the accelerator"),
        ),
    ],
)
def test_what_this_machine_cannot_do_is_one_line(zscape, tmp_path, words, said):
    sets = [word for pair in words for word in ("--set", pair)]
    line = one_line(zscape("fit", "--out", tmp_path / "new", *SMALL[:-2], *sets), 1)
    assert said in line
    assert line.endswith(HINT + "\n")


def test_a_home_folder_of_nobody_is_one_line(zscape, tmp_path):
    assert "home" in one_line(zscape("fit", "--out", tmp_path / "new", "--data", "~nouser/x"), 1)


def test_more_samples_than_memory_is_one_line(zscape, tmp_path):
    data = zs.data.load("digits")
    model = zs.Autoencoder.mlp(data.shape, latent=2, widths=(8,))
    zs.fit(model, zs.recipes.vae(), data, out=tmp_path / "run", epochs=1)
    line = one_line(zscape("sample", tmp_path / "run", "--count", 10**12), 1)
    assert "not enough memory" in line


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            RuntimeError("[enforce fail at inline_container.cc:862] . unexpected pos 64 vs 0\nframe #0: c10"),
            "zscape: RuntimeError: [enforce fail at inline_container.cc:862] . unexpected pos 64 vs 0 ",
        ),
        (MemoryError(), "zscape: not enough memory: no reason given "),
        (OverflowError("too large"), "zscape: OverflowError: too large "),
        (RecursionError("too deep"), "zscape: RecursionError: too deep "),
    ],
)
def test_what_nobody_foresaw_is_one_line_and_says_how_to_see_more(zscape, monkeypatch, error, said):
    def broken(*_, **__):
        raise error

    monkeypatch.setattr(work, "encode", broken)
    assert one_line(zscape("encode", "run"), 1) == said + HINT + "\n"
    monkeypatch.setenv("ZSCAPE_TRACEBACK", "1")
    with pytest.raises(type(error)):
        zscape("encode", "run")


@pytest.mark.parametrize(
    ("pair", "said"),
    [
        ("kl.weight=" + "[" * 5_000, "at most 1,000 characters"),
        ("kl.weight=" + "-" * 100_000, "at most 1,000 characters"),
        ("kl.weight=" + "[" * 900, "kl.weight needs a plain value"),
        ("kl.weight=Warmup(stop=" + "-" * 900 + "1, steps=5)", "kl.weight needs a number or Name"),
        ("kl.weight=Warmup(stop={[]: 1}, steps=5)", "kl.weight needs a number or Name"),
        ("kl.weight=Warmup(stop=1e999, steps=5)", "kl.weight: stop needs a finite number"),
        ("seed=-1", "seed needs a whole number >= 0"),
        ("seed=9223372036854775808", "below 2**63"),
        ("model.net=[1]", "model.net cannot be [1]"),
        ("kl.weight=inf", "kl.weight needs a finite number"),
        ("kl.weight=nan", "kl.weight needs a finite number"),
        ("kl.weight=1" + "0" * 400, "kl.weight needs a finite number"),
        ("optimiser.clip_norm=inf", "optimiser.clip_norm needs a finite number"),
        ("optimiser.betas=[0.9, nan]", "optimiser.betas needs a finite number"),
    ],
)
def test_settings_that_cannot_be_are_one_line(zscape, tmp_path, pair, said):
    line = one_line(zscape("fit", "--out", tmp_path / "new", "--set", pair), 2)
    assert said in line
    assert "TRACEBACK" not in line
    assert not (tmp_path / "new").exists()


def test_the_longest_pair_is_still_read():
    pair = "data.labels=" + "x" * 988
    assert gather(None, {}, [pair]) == {"data.labels": "x" * 988}
    with pytest.raises(SettingError, match="has 1,001"):
        gather(None, {}, [pair + "x"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[kl]\nweight = inf\n", "kl.weight needs a finite number"),
        ("[kl]\nweight = " + "[" * 5_000, "nested too deeply"),
        ("epochs = " + "1" * 5_000, "is not a TOML file"),
        (f'[kl]\nweight = "Warmup({"-" * 5_000}1)"\n', "at most 1,000 characters"),
    ],
)
def test_settings_from_a_file_are_checked_alike(tmp_path, text, said):
    (tmp_path / "settings.toml").write_text(text)
    with pytest.raises(SettingError, match=said):
        gather(tmp_path / "settings.toml", {}, [])


def test_a_negative_seed_is_refused_by_every_command(zscape):
    assert zscape("sample", "run", "--seed", -1).code == 2
