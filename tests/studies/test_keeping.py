import json

import numpy as np
import pytest
import torch

import zscape
from zscape import recipes
from zscape.errors import RunFormatError, SettingError
from zscape.judge import Judge
from zscape.model import Autoencoder
from zscape.studies.keeping import commits, digest_of, fitted, judge_of, remembered


class Stop(Exception):
    pass


def weights(run):
    return run.weights("last.safetensors")


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in one | other)


def test_weights_follow_from_the_seed_alone_and_the_random_state_stays(small, digits):
    torch.manual_seed(3)
    by_hand = Autoencoder.mlp(digits.shape, latent=2, widths=(32,)).state_dict()
    torch.manual_seed(99)
    before = torch.get_rng_state()
    assert same(small().fresh().state_dict(), by_hand)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_run_fitted_elsewhere_with_the_same_settings_is_used(small, digits, run, tmp_path):
    torch.manual_seed(3)
    model = Autoencoder.mlp(digits.shape, latent=2, widths=(32,))
    adam = zscape.Adam(rate=5e-3)
    zscape.fit(model, recipes.vae(), digits, out=tmp_path / "vae", epochs=6, batch=64, seed=3, optimiser=adam)
    written = (tmp_path / "vae" / "last.safetensors").stat().st_mtime_ns
    found = fitted(tmp_path, small(), digits)
    assert (tmp_path / "vae" / "last.safetensors").stat().st_mtime_ns == written
    assert same(weights(found), weights(run))
    assert found.codes_path.exists()


def test_a_stopped_fit_goes_on_where_it_was(small, digits, run, tmp_path):
    def stop(share, words):
        if share > 0.4:
            raise Stop

    wanted = small()
    with pytest.raises(Stop):
        fitted(tmp_path, wanted, digits, stop)
    assert wanted.seconds(tmp_path, digits) > 0
    told = []
    found = fitted(tmp_path, wanted, digits, lambda share, words: told.append(share))
    assert same(weights(found), weights(run))
    assert told[-1] == 1
    assert wanted.seconds(tmp_path, digits) == 0


def test_what_a_fit_killed_at_once_left_is_no_hindrance(small, digits, tmp_path):
    folder = tmp_path / "vae"
    folder.mkdir()
    (folder / "checkpoint.ckpt").write_bytes(b"")
    assert fitted(tmp_path, small(epochs=1), digits).codes_path.exists()


def test_a_folder_of_something_else_is_left_alone(small, digits, tmp_path):
    folder = tmp_path / "vae"
    folder.mkdir()
    (folder / "novel.txt").write_text("x")
    with pytest.raises(ValueError, match="needs a new folder"):
        fitted(tmp_path, small(), digits)
    assert (folder / "novel.txt").exists()


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"epochs": 7}, "epochs 7, but it was fitted with 6"),
        ({"objective": recipes.mmd_vae()}, "objective"),
        ({"seed": 4}, "seed 4"),
        ({"rate": 1e-3}, "optimiser"),
    ],
)
def test_a_run_of_other_settings_is_refused(small, digits, run, changes, what):
    with pytest.raises(SettingError, match=f"needs .*vae with {what}"):
        fitted(run.path.parent, small(**changes), digits)


def test_a_value_is_made_once_for_one_setting(tmp_path):
    made = []

    def make():
        made.append(len(made))
        return {"pair": (1, 2.5), "count": made[-1]}

    path = tmp_path / "folder" / "value.json"
    first = remembered(path, {"seeds": (0, 1)}, make, commit="a1")
    assert first == {"pair": [1, 2.5], "count": 0}
    assert remembered(path, {"seeds": (0, 1)}, make, commit="a1") == first
    assert remembered(path, {"seeds": (0, 2)}, make, commit="a1")["count"] == 1
    assert made == [0, 1]


def test_what_is_kept_knows_the_code_that_made_it(tmp_path):
    assert commits(tmp_path) == []
    for name, commit in (("one", "b2"), ("deep/two", "a1"), ("three", "b2")):
        remembered(tmp_path / f"{name}.json", {}, lambda: 0, commit=commit)
    assert commits(tmp_path) == ["a1", "b2"]
    remembered(tmp_path / "one.json", {}, lambda: 0, commit="c3")
    assert json.loads((tmp_path / "one.json").read_text("utf-8"))["commit"] == "b2"


def test_a_value_that_could_not_be_made_is_not_remembered(tmp_path):
    def fail():
        raise Stop

    with pytest.raises(Stop):
        remembered(tmp_path / "value.json", {}, fail, commit="a1")
    assert remembered(tmp_path / "value.json", {}, lambda: 3, commit="a1") == 3


@pytest.mark.parametrize("text", ["{", "[1]"])
def test_a_damaged_value_is_named(tmp_path, text):
    (tmp_path / "value.json").write_text(text)
    with pytest.raises(RunFormatError, match=r"value\.json .* delete it"):
        remembered(tmp_path / "value.json", {}, lambda: 3, commit="a1")


def test_a_judge_is_trained_once_for_one_setting(tmp_path):
    pictures = np.zeros((40, 1, 8, 8), np.float32)
    pictures[:20, :, :4] = 1
    trained = []

    def make():
        trained.append(True)
        return Judge.fit(pictures, np.repeat([0, 1], 20), epochs=1, seed=0)

    path = tmp_path / "judges" / "judge.safetensors"
    first = judge_of(path, {"seed": 0}, make, commit="a1")
    again = judge_of(path, {"seed": 0}, make, commit="a1")
    np.testing.assert_array_equal(first(pictures), again(pictures))
    assert len(trained) == 1
    judge_of(path, {"seed": 1}, make, commit="a1")
    path.unlink()
    judge_of(path, {"seed": 1}, make, commit="a1")
    assert len(trained) == 3


def test_a_kill_between_judge_and_note_leaves_no_judge_of_other_settings(tmp_path, monkeypatch):
    pictures = np.zeros((40, 1, 8, 8), np.float32)
    pictures[:20, :, :4] = 1

    def of(seed):
        return lambda: Judge.fit(pictures, np.repeat([0, 1], 20), epochs=1, seed=seed)

    path = tmp_path / "judge.safetensors"
    first = judge_of(path, {"seed": 0}, of(0), commit="a1")

    def kill(*_):
        raise Stop

    with monkeypatch.context() as patched:
        patched.setattr("zscape.studies.keeping.write_json", kill)
        with pytest.raises(Stop):
            judge_of(path, {"seed": 1}, of(1), commit="a1")
    other = Judge.load(path)(pictures)
    assert not np.array_equal(other, first(pictures))
    np.testing.assert_array_equal(judge_of(path, {"seed": 0}, of(0), commit="a1")(pictures), first(pictures))


def test_the_digest_follows_the_weights(small, digits, run, tmp_path):
    other = fitted(tmp_path, small(seed=4, epochs=1), digits)
    assert digest_of(other) != digest_of(run) == digest_of(zscape.Run(run.path))
    assert json.dumps(digest_of(run))
