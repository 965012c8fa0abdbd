"""zscape sample: every way to draw, what is written, and what is said of the set."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

import zscape as zs


@pytest.fixture
def run(fitted, tmp_path):
    """The small run, to write into."""
    return shutil.copytree(fitted, tmp_path / "run")


@pytest.fixture
def drawn(zscape, run):
    """Draw with these options; gives the JSON printed, the codes written, and the whole table."""

    def draw(*words):
        done = zscape("sample", run, *words, "--json")
        assert done.code == 0, done.err
        table = pq.read_table(run / "samples.parquet")
        return json.loads(done.out), np.array(table["code"].to_pylist()), table

    return draw


def measures(said):
    return {entry["name"]: entry for entry in said["measures"]}


DISTANCE = "squared energy distance to the target"


@pytest.mark.parametrize(
    "words",
    [
        *(("--method", "iid", "--density", name) for name in ("prior", "gaussian", "empirical")),
        ("--method", "iid", "--density", "mixture", "--components", "2"),
        *(("--method", "quantize", "--density", name) for name in ("prior", "gaussian", "empirical")),
        ("--method", "representatives"),
        ("--method", "by-class"),
        ("--method", "by-class", "--statistics", "full", "--theta", "0.5"),
    ],
)
def test_every_method_samples_and_repeats_by_seed(drawn, words):
    tables = [drawn(*words, "--count", 7, "--seed", seed)[1] for seed in (0, 0, 1)]
    assert tables[0].shape == (7, 3)
    np.testing.assert_array_equal(tables[0], tables[1])
    assert not np.array_equal(tables[0], tables[2])


@pytest.mark.parametrize(
    "words", [("--method", "quantize"), ("--method", "quantize", "--density", "empirical")]
)
def test_a_quantized_set_is_nearer_to_its_target_than_any_independent_one(drawn, words):
    said, z, table = drawn(*words, "--count", 10)
    distance = measures(said)[DISTANCE]
    assert distance["value"] < distance["iid_low"] <= distance["iid_mean"] <= distance["iid_high"]
    assert np.array(table["iid"].to_pylist()).shape == z.shape


def test_the_distance_to_the_prior_is_that_of_the_function(drawn):
    said, z, _ = drawn("--method", "quantize", "--count", 6)
    assert measures(said)[DISTANCE]["value"] == pytest.approx(
        zs.energy.distance(z.astype(float), 3), rel=1e-5
    )


def test_the_set_stays_away_from_what_is_avoided(drawn, run):
    drawn("--method", "quantize", "--count", 8, "--seed", 1)
    kept = shutil.copy(run / "samples.parquet", run / "kept.parquet")
    old = np.array(pq.read_table(kept)["code"].to_pylist())
    said, new, table = drawn("--method", "quantize", "--count", 8, "--seed", 1, "--avoid", kept)
    gap = measures(said)["mean distance to the nearest avoided"]
    assert gap["value"] == pytest.approx(
        np.linalg.norm(new[:, None] - old, axis=2).min(axis=1).mean(), rel=1e-5
    )
    assert gap["value"] > gap["iid_mean"]
    both = measures(said)[f"{DISTANCE}, with those avoided"]["value"]
    assert both == pytest.approx(zs.energy.distance(np.concatenate([old, new]).astype(float), 3), rel=1e-4)
    assert both < 1.3 * zs.sample.quantize(zs.sample.StandardNormal(3), 16).distance
    assert json.loads(table.schema.metadata[b"zscape"])["avoid"] == "kept.parquet"


def test_representatives_are_rows_of_the_training_data_shown_as_they_are(drawn, run):
    said, z, table = drawn("--method", "representatives", "--count", 5)
    codes = zs.codes.load(run / "codes.parquet")
    rows = table["id"].to_numpy()
    assert len(set(rows.tolist())) == 5
    assert set(codes.split[rows]) == {"train"}
    np.testing.assert_array_equal(z, codes.mean[rows])
    np.testing.assert_array_equal(table["label"], codes.label[rows])
    assert set(rows.tolist()) != set(table["iid_id"].to_pylist())
    digits = zs.data.load("digits").images.numpy()
    for number, row in enumerate(rows):
        with Image.open(f"{said['singles']}/{number:04d}.png") as picture:
            assert np.abs(np.asarray(picture)[..., 0] - digits[row, 0].astype(float)).max() <= 1


def test_several_tables_are_avoided_together(drawn, run):
    for seed in (1, 2):
        drawn("--method", "representatives", "--count", 6, "--seed", seed)
        shutil.copy(run / "samples.parquet", run / f"kept-{seed}.parquet")
    paths = [run / f"kept-{seed}.parquet" for seed in (1, 2)]
    words = [word for path in paths for word in ("--avoid", path)]
    _, _, table = drawn("--method", "representatives", "--count", 6, *words)
    kept = np.concatenate([zs.codes.points(path) for path in paths])
    codes = zs.codes.load(run / "codes.parquet").of("train")
    expected = zs.sample.representatives(codes.mean, 6, avoid=kept)
    np.testing.assert_array_equal(table["id"].to_numpy(), codes.id[expected])
    assert json.loads(table.schema.metadata[b"zscape"])["avoid"] == "kept-1.parquet, kept-2.parquet"


def test_a_tuned_density_is_drawn_from_as_it_was_saved(drawn, run):
    codes = zs.codes.load(run / "codes.parquet").of("train")
    tuned = zs.sample.ByClass("full").fit(codes).scaled(np.linspace(0.1, 0.5, 30).reshape(10, 3))
    zs.sample.save(tuned, run / "tuned.npz")
    _, z, _ = drawn(
        "--method", "by-class", "--label", 7, "--count", 4, "--seed", 3, "--fitted", run / "tuned.npz"
    )
    np.testing.assert_allclose(z, tuned.sample(4, 7, seed=3), rtol=1e-6)
    assert not (run / "by-class.npz").exists()


def test_avoided_codes_of_something_else_are_refused(drawn, zscape, run, tmp_path):
    drawn("--density", "empirical", "--count", 24)
    kept = shutil.copy(run / "samples.parquet", run / "kept.parquet")
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    words = ("--method", "representatives", "--label", "3", "--count", 6, "--avoid", kept)
    for out in ((), ("--out", tmp_path / "other")):
        done = zscape("sample", run, *words, *out)
        assert done.code == 2
        (line,) = [line for line in done.err.splitlines() if line.startswith("zscape: ")]
        assert "--avoid needs codes of what is drawn from" in line
        assert "stand for something else" in line
        assert "leave --avoid out" in line
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before
    assert not (tmp_path / "other").exists()


def test_codes_of_other_weights_are_avoided_with_a_warning(drawn, zscape, run, tmp_path):
    words = ("--method", "representatives", "--count", 6)
    drawn(*words)
    kept = shutil.copy(run / "samples.parquet", run / "kept.parquet")
    shutil.copy(run / "codes.parquet", run / "other.parquet")
    said = json.loads(pq.read_schema(kept).metadata[b"zscape"])
    assert said["run"] == "run"
    for path in (kept, run / "other.parquet"):
        assert "warning" not in zscape("sample", run, *words, "--avoid", kept).err
        table = pq.read_table(path)
        notes = json.loads(table.schema.metadata[b"zscape"])
        assert len(notes["weights"]) == 16
        notes["weights"] = "0" * 16
        pq.write_table(table.slice(0, 20).replace_schema_metadata({b"zscape": json.dumps(notes)}), path)
        err = zscape("sample", run, *words, "--avoid", path, "--out", tmp_path / f"with-{path.stem}").err
        assert f"warning: {path} was made with other weights" in err
        pq.write_table(table, path)


def test_the_measures_are_kept_with_the_set_and_shown_by_the_report(drawn, zscape, run):
    assert zscape("measure", run, "--samples", 1).code == 0
    results = (run / "results.json").read_bytes()
    for count in (5, 6):
        said, _, table = drawn("--method", "quantize", "--count", count)
        notes = json.loads(table.schema.metadata[b"zscape"])
        assert notes["measures"] == said["measures"]
        assert notes["beside"] == said["beside"] == "20 i.i.d. sets"
        assert all(measure["definition"] for measure in notes["measures"])
    assert (run / "results.json").read_bytes() == results
    assert zscape("report", run).code == 0
    page = (run / "report.html").read_text()
    assert "Mean (range) of 20 i.i.d. sets" in page
    assert said["measures"][-1]["definition"] in page
    assert "decoded from the codes" in said["measures"][-1]["definition"]
    # A large set is not measured, and keeps none of the set before.
    assert "measures" not in json.loads(drawn("--count", 2001)[2].schema.metadata[b"zscape"])


def test_of_representatives_the_rows_that_are_shown_are_measured(drawn):
    said, _, table = drawn("--method", "representatives", "--count", 6)
    data = zs.data.load("digits")
    found = measures(said)

    def pictures(rows):
        return data.batch(torch.tensor(rows), "cpu")[0].numpy().reshape(len(rows), -1)

    cosine, vendi = found["mean cosine similarity of pictures"], found["Vendi score of pictures"]
    own = pictures(table["id"].to_pylist())
    assert cosine["value"] == pytest.approx(zs.measure.mean_cosine_similarity(own).value)
    assert vendi["value"] == pytest.approx(zs.measure.vendi_score(own).value)
    assert "as they are in the data" in cosine["definition"]
    # The choice that is shown beside them is the first of the twenty.
    other = zs.measure.mean_cosine_similarity(pictures(table["iid_id"].to_pylist())).value
    assert cosine["iid_low"] - 1e-6 <= other <= cosine["iid_high"] + 1e-6
    assert said["beside"] == "20 random choices of training rows"


def test_draws_by_class_are_compared_with_codes_of_the_data(zscape, run):
    done = zscape("sample", run, "--method", "by-class", "--count", 12)
    assert "of 20 i.i.d. sets of the data's codes of the same classes" in done.out.splitlines()[0]
    assert "leaves no code" not in done.err
    assert "data codes" in (run / "figures" / "samples.svg").read_text()
    few = zscape("sample", run, "--method", "by-class", "--count", 3)
    assert "leaves no code for class 3, 4, 5, 6, 7, 8, 9" in few.err


def test_a_class_named_twice_in_two_ways_is_refused(zscape, run):
    codes = zs.codes.load(run / "codes.parquet")
    zs.codes.save(replace(codes, names=("nought", *"123456789")), run / "codes.parquet")
    done = zscape("sample", run, "--density", "gaussian", "--label", "nought", "--label", 0)
    assert done.code == 2
    assert "--label nought and --label 0 are one class" in done.err


QUICK = """
import sys
from zscape.app import cli

sys.argv = ["zscape", "sample", *sys.argv[1:]]
try:
    cli.main()
finally:
    heavy = {"torch", "sklearn", "matplotlib", "scipy"} & set(sys.modules)
    print(*heavy)
"""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--method", "nonsense"), "unknown method 'nonsense': known are by-class, iid"),
        (("--density", "foo"), "unknown density 'foo': known are"),
        (("--method", "by-class", "--statistics", "foo"), "unknown statistics 'foo': known are"),
        (("--method", "quantize", "--theta", "1"), "--theta needs --method by-class"),
        (("--method", "quantize", "--avoid", "nothere.parquet"), "no file nothere.parquet"),
        (("--method", "by-class", "--fitted", "nothere.npz"), "no file nothere.npz"),
        (("--out", "{run}"), "--out needs a new folder"),
        (("--avoid", "{run}/spec.json", "--method", "quantize"), "spec.json cannot be read"),
    ],
)
def test_quick_mistakes_are_told_before_torch_is_loaded(fitted, words, said):
    command = [sys.executable, "-c", QUICK, str(fitted), *(word.format(run=fitted) for word in words)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode in (1, 2)
    assert said in done.stderr
    assert done.stdout.strip() == ""


def test_a_model_without_a_prior_says_so(zscape, run):
    spec = json.loads((run / "spec.json").read_text())
    del spec["objective"]["kl"]
    (run / "spec.json").write_text(json.dumps(spec))
    for words in ((), ("--method", "quantize")):
        assert "nothing in this objective pulls codes to the prior" in zscape("sample", run, *words).err
    assert "nothing" not in zscape("sample", run, "--density", "gaussian").err


def test_by_class_takes_the_classes_in_turn_and_is_kept_with_the_run(drawn, run):
    _, _, table = drawn("--method", "by-class", "--count", 23, "--statistics", "full", "--theta", "0.5")
    assert np.bincount(table["label"]).tolist() == [3, 3, 3, 2, 2, 2, 2, 2, 2, 2]
    density = zs.sample.load(run / "by-class.npz")
    assert isinstance(density, zs.sample.ByClass)
    assert (density.statistics, density.theta) == ("full", 0.5)


@pytest.mark.parametrize("method", ["by-class", "gaussian"])
def test_a_label_samples_near_its_class(drawn, run, method):
    words = ("--method", "by-class") if method == "by-class" else ("--density", method)
    _, z, table = drawn(*words, "--label", 0, "--count", 2000)
    assert set(table["label"].to_pylist()) == {0}
    codes = zs.codes.load(run / "codes.parquet")
    own = codes.mean[(codes.label == 0) & (codes.split == "train")].mean(0)
    assert np.abs(z.mean(0) - own).max() < 0.1
    assert json.loads(table.schema.metadata[b"zscape"])["label"] == "0"


def test_a_label_may_be_the_name_of_a_class(drawn, run):
    codes = zs.codes.load(run / "codes.parquet")
    named = replace(codes, names=("nought", *"123456789"))
    table = pq.read_table(run / "codes.parquet")
    zs.codes.save(named, run / "codes.parquet")
    kept = pq.read_table(run / "codes.parquet")
    pq.write_table(
        kept.replace_schema_metadata({**table.schema.metadata, **kept.schema.metadata}), run / "codes.parquet"
    )
    by_name = drawn("--density", "gaussian", "--label", "nought", "--count", 5)[1]
    np.testing.assert_array_equal(by_name, drawn("--density", "gaussian", "--label", "0", "--count", 5)[1])


def test_classes_share_the_set_and_each_stays_away_from_its_own(drawn, run):
    words = ("--label", 7, "--label", 2)
    _, _, table = drawn("--method", "representatives", "--count", 9, *words)
    codes = zs.codes.load(run / "codes.parquet").of("train")
    assert table["label"].to_pylist() == [2] * 5 + [7] * 4
    for label, count in ((2, 5), (7, 4)):
        own = codes.take(codes.label == label)
        np.testing.assert_array_equal(
            table["id"].to_numpy()[table["label"].to_numpy() == label],
            own.id[zs.sample.representatives(own.mean, count)],
        )
    # The labels of what is chosen at random to compare with are the same.
    assert np.array_equal(zs.codes.load(run / "codes.parquet").label[table["iid_id"]], table["label"])
    # Of all classes, as chosen before; only their own matter to those asked for.
    drawn("--method", "representatives", "--count", 60)
    kept = shutil.copy(run / "samples.parquet", run / "kept.parquet")
    labels, points = np.array(pq.read_table(kept)["label"]), zs.codes.points(kept)
    quantize = ("--method", "quantize", "--density", "gaussian", "--count", 5, "--avoid", kept)
    said, both, table = drawn(*quantize, *words)
    assert table["label"].to_pylist() == [2] * 3 + [7] * 2
    own = points[np.isin(labels, (2, 7))]
    gap = np.linalg.norm(both[:, None] - own, axis=2).min(axis=1).mean()
    assert measures(said)["mean distance to the nearest avoided"]["value"] == pytest.approx(gap, rel=1e-5)


def test_one_class_stays_away_from_its_own_alone(drawn, run):
    drawn("--method", "by-class", "--count", 40)
    kept = shutil.copy(run / "samples.parquet", run / "kept.parquet")
    words = ("--method", "quantize", "--density", "empirical", "--label", 3, "--count", 4)
    z = drawn(*words, "--avoid", kept)[1]
    threes = pq.read_table(kept).filter(pa.compute.equal(pq.read_table(kept)["label"], 3))
    pq.write_table(threes, run / "threes.parquet")
    assert threes.num_rows == 4
    np.testing.assert_array_equal(z, drawn(*words, "--avoid", run / "threes.parquet")[1])
    assert not np.array_equal(z, drawn(*words)[1])


def test_classes_that_nothing_is_kept_of_are_a_note(zscape, drawn, run):
    drawn("--method", "by-class", "--label", 3, "--count", 3)
    kept = shutil.copy(run / "samples.parquet", run / "kept.parquet")
    words = ("--method", "quantize", "--density", "gaussian", "--count", 4, "--avoid", kept)
    assert "none of the codes to avoid is of class 5\n" in zscape("sample", run, *words, "--label", 5).err
    assert "of class 3" not in zscape("sample", run, *words, "--label", 3).err


def test_independent_classes_have_draws_of_their_own(drawn):
    _, z, table = drawn("--density", "gaussian", "--label", 0, "--label", 1, "--count", 600)
    zero, one = (z[table["label"].to_numpy() == label] for label in (0, 1))
    correlations = [np.corrcoef(zero[:, latent], one[:, latent])[0, 1] for latent in range(3)]
    assert np.abs(correlations).max() < 0.2
    assert np.linalg.norm(zero.mean(0) - one.mean(0)) > 0.1


def test_the_picture_of_classes_names_them(drawn, run):
    codes = zs.codes.load(run / "codes.parquet")
    named = replace(codes, names=("nought", "one & only", *"23456789"))
    zs.codes.save(named, run / "codes.parquet")
    for words in (("by-class",), ("quantize", "--density", "gaussian"), ("iid", "--density", "empirical")):
        _, _, table = drawn("--method", *words, "--label", 0, "--label", "one & only", "--count", 5)
        assert json.loads(table.schema.metadata[b"zscape"])["classes"] == ["nought", "one & only"]
        drawing = (run / "figures" / "samples.svg").read_text()
        assert "nought" in drawing
    _, _, table = drawn("--method", "by-class", "--count", 20)
    assert len(json.loads(table.schema.metadata[b"zscape"])["classes"]) == 10
    # One class needs no names, nor do chosen rows of whatever class.
    for words in (("by-class", "--label", 0), ("representatives",)):
        _, _, table = drawn("--method", *words, "--count", 5)
        assert "classes" not in json.loads(table.schema.metadata[b"zscape"])


def test_another_folder_is_written_whole_and_the_run_is_left(drawn, zscape, run, tmp_path):
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    words = ("--method", "by-class", "--count", 12, "--json", "--out", tmp_path / "deep" / "set")
    done = zscape("sample", run, *words)
    assert done.code == 0, done.err
    paths = {key: value for key, value in json.loads(done.out).items() if key not in ("measures", "beside")}
    assert paths == {
        "samples": str(tmp_path / "deep" / "set" / "samples.parquet"),
        "pictures": str(tmp_path / "deep" / "set" / "figures" / "samples.png"),
        "singles": str(tmp_path / "deep" / "set" / "samples"),
    }
    assert len(list((tmp_path / "deep" / "set" / "samples").iterdir())) == 12
    assert zs.sample.load(tmp_path / "deep" / "set" / "by-class.npz").classes_.size == 10
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["set"]
    # The same in the run folder.
    drawn("--method", "by-class", "--count", 12)
    for name in ("samples.parquet", "figures/samples.svg", "samples/0011.png"):
        assert (run / name).read_bytes() == (tmp_path / "deep" / "set" / name).read_bytes()


def test_a_folder_that_holds_something_is_left(zscape, run, tmp_path):
    (tmp_path / "empty").mkdir()
    assert zscape("sample", run, "--count", 2, "--out", tmp_path / "empty").code == 0
    for taken in (run, tmp_path / "empty", run / "spec.json"):
        before = sorted(run.rglob("*")), sorted((tmp_path / "empty").rglob("*"))
        done = zscape("sample", run, "--count", 2, "--out", taken)
        assert done.code == 2
        assert "--out needs a new folder" in done.err
        assert (sorted(run.rglob("*")), sorted((tmp_path / "empty").rglob("*"))) == before


def test_a_folder_that_could_not_be_finished_is_not_there(zscape, run, tmp_path, monkeypatch):
    from zscape import report

    def broken(*_, **__):
        raise OSError("no space left")

    monkeypatch.setattr(report, "write_singles", broken)
    assert zscape("sample", run, "--count", 2, "--out", tmp_path / "set").code == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run"]


def test_codes_are_read_and_densities_fitted_once(drawn, run, monkeypatch):
    counted = []

    def counting(owner, name):
        plain = getattr(owner, name)
        monkeypatch.setattr(owner, name, lambda *args: (counted.append(name), plain(*args))[1])

    counting(zs.codes, "load")
    counting(zs.codes, "check_origin")
    counting(zs.sample.Gaussian, "fit")
    drawn("--method", "quantize", "--density", "gaussian", "--label", 3, "--count", 3)
    assert sorted(counted) == ["check_origin", "fit", "load"]


def test_a_density_of_other_classes_is_refused(zscape, run):
    codes = zs.codes.load(run / "codes.parquet")
    zs.sample.save(zs.sample.ByClass().fit(codes.mean, codes.label + 1), run / "other.npz")
    done = zscape("sample", run, "--method", "by-class", "--fitted", run / "other.npz")
    assert done.code == 2
    assert "knows 10, of which there are no codes" in done.err


def test_a_table_is_printed_with_the_range_of_independent_sets(zscape, run):
    done = zscape("sample", run, "--method", "quantize", "--count", 6)
    assert done.code == 0, done.err
    head, distance, *_ = [line for line in done.out.splitlines() if line.strip()]
    assert "mean (range) of 20 i.i.d. sets" in head
    assert distance.startswith(DISTANCE)
    assert " to " in distance


def test_a_large_set_leaves_no_pictures_of_the_one_before(drawn, zscape, run):
    drawn("--count", 3)
    (run / "samples" / "mine.png").touch()
    assert zscape("sample", run, "--count", 2001).code == 0
    assert [path.name for path in (run / "samples").iterdir()] == ["mine.png"]


def test_a_black_picture_leaves_out_what_is_not_defined(drawn, run, monkeypatch):
    # Sets of 4 whose first picture is black half of the time.
    decode = zs.Run.decode

    def black(self, z, **kwargs):
        images = decode(self, z, **kwargs)
        images[z[:, 0] > 1.5] = 0
        return images

    monkeypatch.setattr(zs.Run, "decode", black)
    for seed in range(3):
        said, _, _ = drawn("--method", "by-class", "--count", 6, "--theta", 3, "--seed", seed)
        assert DISTANCE in measures(said)


def test_representatives_without_the_data_leave_the_samples(zscape, run):
    spec = json.loads((run / "spec.json").read_text())
    spec["data"]["name"] = "gone"
    (run / "spec.json").write_text(json.dumps(spec))
    (run / "samples.parquet").write_bytes(b"as it was")
    assert zscape("sample", run, "--method", "representatives").code == 1
    assert (run / "samples.parquet").read_bytes() == b"as it was"


def test_an_unknown_label_leaves_the_density_kept_with_the_run(drawn, zscape, run):
    drawn("--method", "by-class", "--theta", "0.3", "--count", 2)
    assert zscape("sample", run, "--method", "by-class", "--label", "zzz", "--theta", "2").code == 2
    assert zs.sample.load(run / "by-class.npz").theta == 0.3


class Channels:
    """Data of pictures that no screen can show."""

    def __init__(self, channels):
        self.x = torch.rand((60, channels, 6, 6), generator=torch.Generator().manual_seed(0))
        self.name, self.fingerprint, self.shape = "channels", "0", (channels, 6, 6)
        self.labels, self.names, self.factors = None, (), {}
        rows = np.arange(60)
        self.splits = {"train": rows[:40], "validation": rows[40:50], "test": rows[50:]}

    def __len__(self):
        return 60

    def to_spec(self):
        return {"name": self.name}

    def batches(self, split, size, *, seed, epoch):
        yield torch.from_numpy(self.splits[split])

    def batch(self, index, device):
        return self.x[index], None

    def augmented(self, x, generator):
        return x


@pytest.mark.parametrize("channels", [2, 4])
def test_what_is_no_picture_is_drawn_and_measured_without_pictures(zscape, tmp_path, channels):
    data = Channels(channels)
    model = zs.Autoencoder.mlp(data.shape, latent=2, widths=(8,))
    zs.fit(model, zs.recipes.vae(), data, out=tmp_path / "run", epochs=1)
    done = zscape("sample", tmp_path / "run", "--method", "quantize", "--count", 3, "--json")
    assert done.code == 0, done.err
    assert set(json.loads(done.out)) == {"samples", "measures", "beside"}


def test_one_code_and_a_large_set(drawn, zscape, run):
    assert set(measures(drawn("--count", 1)[0])) == {DISTANCE, "mean radius"}
    done = zscape("sample", run, "--count", 2001)
    assert "sets of up to 2,000 are measured" in done.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--density", "gaussain"), "did you mean 'gaussian'"),
        (("--method", "quantise"), "did you mean 'quantize'"),
        (("--label", "3"), "the prior knows no classes"),
        (("--density", "gaussian", "--label", "12"), "no code has label 12; there are: 0, 1"),
        (("--method", "by-class", "--label", "\u00b2"), "no code has label"),
        (("--method", "quantize", "--avoid", "{run}/words.parquet"), "lists of numbers"),
        (("--method", "by-class", "--label", "x"), "no code has label x; there are: 0, 1"),
        (("--method", "by-class", "--density", "gaussian"), "takes no --density"),
        (("--method", "by-class", "--statistics", "diagnal"), "diagonal"),
        (("--method", "iid", "--avoid", "{run}/codes.parquet"), "--avoid needs --method quantize"),
        (("--method", "quantize", "--avoid", "{run}/none.parquet"), "there is no file"),
        (("--method", "quantize", "--avoid", "{run}/history.csv"), "history.csv cannot be read"),
        (("--method", "quantize", "--avoid", "{run}/narrow.parquet"), "narrow.parquet holds 1 of 2"),
        (
            ("--method", "representatives", "--label", "3", "--label", "4", "--avoid", "{run}/bare.parquet"),
            "needs tables with a column label",
        ),
        (("--method", "by-class", "--label", "3", "--label", "12"), "no code has label 12"),
        (("--method", "quantize", "--theta", "0.4"), "--theta needs --method by-class"),
        (("--method", "iid", "--statistics", "full"), "--statistics needs --method by-class"),
        (("--method", "iid", "--components", "3"), "--components needs --density mixture"),
        (("--method", "by-class", "--components", "3"), "--components needs --density mixture"),
        (("--method", "by-class", "--theta", "inf"), "--theta needs a finite"),
        (("--method", "by-class", "--fitted", "{run}/none.npz"), "none.npz"),
        (("--method", "by-class", "--fitted", "{run}/prior.npz"), "holds StandardNormal"),
        (("--method", "by-class", "--fitted", "{run}/prior.npz", "--theta", "1"), "--fitted brings its own"),
        (("--method", "quantize", "--avoid", "{run}/odd.parquet"), "a column code or mean of lists"),
        (("--method", "representatives", "--shell"), "--shell needs --method quantize"),
        (
            ("--method", "representatives", "--count", "100000"),
            "100000; rows are chosen from the training split",
        ),
        (("--method", "by-class", "--label", "3,7"), "for several classes repeat --label"),
        (("--method", "by-class", "--label", "3", "--label", "3"), "--label 3 is given twice"),
        (
            ("--method", "by-class", "--label", "3", "--label", "7", "--count", "1"),
            "--count needs at least 2",
        ),
    ],
)
def test_what_is_asked_wrongly_is_one_line_and_leaves_the_samples(zscape, run, words, said):
    pq.write_table(pa.table({"code": [1.0]}), run / "odd.parquet")
    pq.write_table(pa.table({"code": zs.codes.vectors(np.zeros((1, 2)))}), run / "narrow.parquet")
    pq.write_table(pa.table({"code": zs.codes.vectors(np.zeros((1, 3)))}), run / "bare.parquet")
    words_table = pa.table({"code": pa.array([["a", "b", "c"]], pa.list_(pa.string(), 3))})
    pq.write_table(words_table, run / "words.parquet")
    zs.sample.save(zs.sample.StandardNormal(3), run / "prior.npz")
    (run / "samples.parquet").write_bytes(b"as it was")
    done = zscape("sample", run, *(word.format(run=run) for word in words))
    assert done.code in (1, 2)
    (line,) = [line for line in done.err.splitlines() if line.strip()]
    assert line.startswith("zscape: ")
    assert said in line
    assert (run / "samples.parquet").read_bytes() == b"as it was"
