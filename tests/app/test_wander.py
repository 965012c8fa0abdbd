"""zscape walk from code to code: which pairs, which paths, what is written, and what is refused."""

import csv
import json
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

import zscape as zs
from zscape.app.walking.asked import parse_classes, parse_ends, parse_pairs
from zscape.errors import SettingError
from zscape.measure import closest_pairs, furthest_pairs, random_pairs

WRITTEN = [
    *("pairs.csv", "path-curves.png", "path-curves.svg", "path-measures.png", "path-measures.svg"),
    *("paths.gif", "paths.parquet", "paths.png", "paths.svg", "results.json"),
]


@pytest.fixture
def run(fitted, tmp_path):
    """The small run, to write into, with three latents in use."""
    run = shutil.copytree(fitted, tmp_path / "run")
    table = zs.codes.load(run / "codes.parquet")
    keep(replace(table, mean=table.mean / table.mean.std(axis=0)), run)
    return run


def keep(table, run):
    """Write codes with the origin that they had."""
    path = run / "codes.parquet"
    origin = json.loads(pq.read_schema(path).metadata[b"zscape"])
    zs.codes.save(replace(table, mean=table.mean.astype(np.float32)), path)
    written = pq.read_table(path)
    notes = origin | json.loads(written.schema.metadata[b"zscape"])
    pq.write_table(written.replace_schema_metadata({b"zscape": json.dumps(notes)}), path)


@pytest.fixture
def walked(zscape, run):
    """Walk with these options; gives the JSON printed, the paths, their notes and the measures."""

    def walk(*words):
        done = zscape("walk", run, *words, "--style", "none", "--json")
        assert done.code == 0, done.err
        said = json.loads(done.out)
        measures = json.loads((run / "walk" / "results.json").read_text())["measures"]
        return said, *zs.walk.load_paths(said["paths"]), {each["name"]: each for each in measures}

    return walk


def test_a_path_is_that_of_the_functions(walked, run):
    kinds = "linear,spherical,norm-corrected,graph,geodesic"
    said, paths, notes, measures = walked("--from", 120, "--to", 7, "--path", kinds, "--steps", 4)
    table = zs.codes.load(run / "codes.parquet")
    ends = table.mean[[120]].astype(float), table.mean[[7]].astype(float)
    expected = {
        "linear": zs.walk.linear_path(*ends, steps=4),
        "spherical": zs.walk.spherical_path(*ends, steps=4),
        "norm-corrected": zs.walk.norm_corrected_path(*ends, steps=4),
        "graph": zs.walk.graph_paths(*ends, codes=table, steps=4).z,
    }
    assert list(paths.z) == [*expected, "geodesic"]
    for kind, z in expected.items():
        np.testing.assert_allclose(paths.z[kind], z, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(paths.z["geodesic"][:, [0, -1]], paths.z["linear"][:, [0, -1]])
    assert paths.ends.tolist() == [[120, 7]]
    assert len(notes["weights"]) == 16
    decode = zs.Run(run).decode
    for kind, z in paths.z.items():
        lengths = zs.walk.step_lengths(z, decode=decode)
        np.testing.assert_allclose(paths.profiles["decoded"][kind], lengths, rtol=1e-3)
        name = kind.replace("-", "_")
        assert measures[f"{name}_decoded_length"]["value"] == pytest.approx(lengths.sum(), rel=1e-3)
        assert measures[f"{name}_latent_length"]["value"] == pytest.approx(
            zs.walk.path_lengths(z)[0], rel=1e-4
        )
    assert measures["geodesic_converged"]["value"] == 1
    assert measures["geodesic_over_linear"]["value"] < 1.05
    assert sorted(path.name for path in (run / "walk").iterdir()) == WRITTEN
    with Image.open(said["filmstrips"]) as picture:
        assert picture.size[0] > 500
    with Image.open(said["animation"]) as gif:
        assert gif.n_frames == 8


def test_pairs_are_those_of_the_measures(walked, run):
    table = zs.codes.load(run / "codes.parquet")
    words = ("--pairs", "random:5", "--between", "3,8", "--shortest", "--longest", "--seed", 2)
    said, paths, notes, measures = walked(*words)
    expected = [
        random_pairs(table.label, 5, between=(3, 8), seed=2),
        closest_pairs(table, between=(3, 8)).rows,
        furthest_pairs(table, between=(3, 8)).rows,
    ]
    np.testing.assert_array_equal(paths.ends, np.concatenate(expected))
    assert paths.choices == ("random",) * 5 + ("closest", "furthest")
    assert (table.label[paths.ends] == [3, 8]).all()
    assert notes["classes"] == [["3", "8"]] * 7
    assert notes["pairs"] == ["random:5", "closest:1", "furthest:1"]
    # Each choice has measures of its own; only random pairs are a sample.
    lengths = {name: paths.profiles["decoded"]["linear"][rows].sum(axis=1) for name, rows in
               (("random", slice(5)), ("closest", [5]), ("furthest", [6]))}  # fmt: skip
    for choice, values in lengths.items():
        found = measures[f"{choice}_linear_decoded_length"]
        assert found["value"] == pytest.approx(values.mean())
        assert found["n"] == len(values)
        assert (found["low"] is None) == (choice != "random")
    with open(said["pairs"], newline="") as text:
        rows = list(csv.DictReader(text))
    assert [row["choice"] for row in rows] == list(paths.choices)
    assert [float(row["decoded_length"]) for row in rows] == pytest.approx(
        np.concatenate([*lengths.values()])
    )
    assert {(row["start_class"], row["end_class"]) for row in rows} == {("3", "8")}
    assert [[int(row["start"]), int(row["end"])] for row in rows] == paths.ends.tolist()
    _, paths, _, _ = walked("--pairs", "closest:2", "--within", "4")
    np.testing.assert_array_equal(paths.ends, closest_pairs(table, 2, within=4).rows)
    assert walked("--longest")[1].ends.shape == (1, 2)


def test_classes_have_names(walked, run):
    table = zs.codes.load(run / "codes.parquet")
    keep(
        replace(
            table, names=("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
        ),
        run,
    )
    _, paths, notes, _ = walked("--pairs", "random:3", "--within", "four")
    assert (table.label[paths.ends] == 4).all()
    assert notes["classes"] == [["four", "four"]] * 3


def test_runs_without_labels_have_pairs_too(walked, run):
    table = zs.codes.load(run / "codes.parquet")
    keep(replace(table, label=None, names=()), run)
    _, paths, notes, _ = walked("--pairs", "random:3", "--path", "graph", "--steps", 2)
    assert paths.z["graph"].shape == (3, 3, 3)
    assert "classes" not in notes


def test_style_losses_are_measured_where_asked(zscape, run, shared_data):
    words = ("--pairs", "random:2", "--style", "squeezenet", "--data-dir", shared_data)
    done = zscape("walk", run, *words)
    assert done.code == 2
    assert "--style squeezenet needs pictures of" in done.err
    assert not (run / "walk").exists()
    done = zscape("walk", run, "--pairs", "random:2", "--style", "vgg19", "--data-dir", shared_data)
    assert done.code == 0, done.err
    paths, _ = zs.walk.load_paths(run / "walk" / "paths.parquet")
    reader = zs.model.feature_reader(
        "vgg19",
        weights=shared_data / "networks" / "vgg19_conv1_1_to_conv3_4_fp16.npz",
        layers=["relu1_1", "relu2_1", "relu3_1"],
    )
    images = zs.Run(run).decode(paths.z["linear"].reshape(-1, 3)).reshape(2, 11, 1, 8, 8)
    expected = zs.measure.style_profiles(np.clip(images, 0, 1), reader).losses
    np.testing.assert_allclose(paths.profiles["style_loss"]["linear"], expected, rtol=0.02)
    measures = {each["name"] for each in json.loads((run / "walk" / "results.json").read_text())["measures"]}
    assert {f"random_linear_style_{what}" for what in ("loss", "ratio", "maxima")} <= measures
    assert "style is read off pictures of 8 pixels" in done.err


def test_drawings_are_walked_between_but_not_by_geodesics(zscape, drawn, tmp_path):
    run = shutil.copytree(drawn, tmp_path / "run")
    done = zscape(
        "walk", run, "--from", 1, "--to", 2, "--path", "linear,graph", "--steps", 2, "--style", "none"
    )
    assert done.code == 0, done.err
    assert "<path" in (run / "walk" / "paths.svg").read_text()
    done = zscape("walk", run, "--from", 1, "--to", 2, "--path", "geodesic", "--out", tmp_path / "out")
    assert done.code == 2
    assert "drawings are drawn point by point; --path graph follows the data without one" in done.err
    assert not (tmp_path / "out").exists()


def test_walks_of_both_kinds_stay_and_the_report_shows_both(zscape, run):
    assert zscape("walk", run, "--from", 12, "--latents", "z2").code == 0
    assert (
        zscape("walk", run, "--from", 12, "--to", 30, "--path", "linear,graph", "--style", "none").code == 0
    )
    assert zscape("walk", run, "--from", 40, "--latents", "z1").code == 0
    found = {path.name for path in (run / "walk").iterdir()}
    assert found == {*WRITTEN, "traversals.gif", "traversals.png", "traversals.svg", "walk.parquet"}
    assert zscape("report", run).code == 0
    text = (run / "report.html").read_text()
    assert "the others stay at the code of row 40 of the data" in text
    assert "From one code to another" in text
    assert "What changes at each step" in text


def test_a_walk_that_fails_leaves_nothing(zscape, run, tmp_path, monkeypatch):
    from zscape import report

    def full(*_):
        raise OSError("No space left on device")

    monkeypatch.setattr(report, "write_paths", full)
    done = zscape("walk", run, "--shortest", "--style", "none", "--out", tmp_path / "new")
    assert done.code == 1
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_graph_in_parts_says_what_to_do(zscape, run):
    table = zs.codes.load(run / "codes.parquet")
    keep(replace(table, mean=table.mean + 100 * (table.label == 3)[:, None]), run)
    words = ("--pairs", "random:2", "--between", "3,8", "--path", "graph", "--style", "none")
    done = zscape("walk", run, *words)
    assert done.code == 2
    assert "fall into parts" in done.err
    advice = done.err.rpartition("neighbours=")[2].split()[0]
    assert not (run / "walk").exists()
    assert zscape("walk", run, *words, "--neighbours", advice).code == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--from", 1, "--to", 999999), "--to needs a row of the codes, 0 to 1796, but got 999999"),
        (("--from", 999999, "--to", 1), "--from needs a row of the codes"),
        (
            ("--pairs", "random:2", "--within", "eleven"),
            "--within has 'eleven', but no code is of that class",
        ),
        (("--shortest", "--between", "1,x"), "--between has 'x', but no code is of that class"),
        (
            ("--pairs", "random:2", "--style", "vgg16", "--data-dir", "nowhere"),
            "fetch network:vgg16, or leave --style out",
        ),
    ],
)
def test_what_is_not_there_is_refused(zscape, run, words, said, monkeypatch, tmp_path):
    monkeypatch.delenv("ZSCAPE_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    done = zscape("walk", run, *words)
    assert done.code in (1, 2)
    assert said in done.err
    assert "Traceback" not in done.err
    assert not (run / "walk").exists()


def test_too_few_pairs_and_labels_that_are_not_there_are_refused(zscape, run):
    table = zs.codes.load(run / "codes.parquet").take(np.arange(4))
    keep(table, run)
    done = zscape("walk", run, "--pairs", "random:10")
    assert "there are 6 such pairs of codes, but random:10 were asked for" in done.err
    done = zscape("walk", run, "--shortest", "--within", "3")
    assert "there are 0 such pairs of codes, but closest:1 were asked for" in done.err
    keep(replace(table, label=None, names=()), run)
    done = zscape("walk", run, "--pairs", "random:2", "--within", "3")
    assert done.code == 2
    assert "--within needs codes with labels, but these have none" in done.err
    keep(table.take(np.array([0])), run)
    assert "needs codes of 2 or more samples" in zscape("walk", run, "--longest").err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--from", "3", "--to", "3"), "two ends that differ, but --from and --to are both 3"),
        (("--to", "3"), "--to came without --from; add --from ROW"),
        (("--pairs", "random:2", "--from", "3"), "--from came without --to; add --to ROW"),
        (("--from", "posterior", "--to", "3"), "numbered from 0, as its ends, but --from is 'posterior'"),
        (("--from", "1", "--to", "3", "--shortest"), "one pair; leave --pairs, --shortest"),
        (("--from", "1", "--to", "3", "--path", "linaer"), "unknown path 'linaer': did you mean 'linear'?"),
        (("--shortest", "--path", "graph,graph"), "--path has graph twice"),
        (("--path", "graph"), "--path needs codes to walk between; give --from and --to"),
        (("--within", "3"), "--within needs codes to walk between"),
        (("--pairs", "some:3"), "unknown choice of pairs 'some': known are closest, furthest, random"),
        (("--pairs", "random"), "--pairs needs a choice and a number from 1 to 10000, such as random:100"),
        (("--pairs", "random:0"), "--pairs needs a choice and a number"),
        (("--pairs", "random:2", "--within", "3", "--between", "3,4"), "leave one out"),
        (("--pairs", "random:2", "--between", "3"), "--between needs two classes with a comma"),
        (("--pairs", "random:2", "--between", "3,3"), "--between needs two classes, but got 3 twice"),
        (("--shortest", "--latents", "z1"), "--latents is of walks along latents"),
        (("--shortest", "--style", "vgg18"), "unknown network 'vgg18': did you mean"),
    ],
)
def test_quick_mistakes_are_told(zscape, fitted, words, said):
    done = zscape("walk", fitted, *words)
    assert done.code == 2
    assert said in done.err


QUICK = """
import sys
from zscape.app import cli

sys.argv = ["zscape", "walk", sys.argv[1], "--pairs", "random:x"]
try:
    cli.main()
finally:
    print(*{"torch", "sklearn", "matplotlib", "scipy"} & set(sys.modules))
"""


def test_they_are_told_before_torch_is_loaded(fitted):
    done = subprocess.run([sys.executable, "-c", QUICK, str(fitted)], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stdout.strip() == ""


def test_what_is_parsed():
    assert parse_pairs(None, shortest=False, longest=True) == (("furthest", 1),)
    assert parse_pairs("closest:10000", shortest=False, longest=True) == (
        ("closest", 10000),
        ("furthest", 1),
    )
    for text, shortest in (("closest:3", True), ("furthest:1", False)):
        with pytest.raises(SettingError, match=f"--pairs {text} has the pair of"):
            parse_pairs(text, shortest=shortest, longest=not shortest)
    assert parse_ends("3", "12") == (3, 12)
    assert parse_classes(" a b, c") == ("a b", "c")
    assert parse_classes(None) is None
    for text in ("random:10001", "random:-1", "random:٣", "random:3x"):
        with pytest.raises(SettingError, match="a number from 1 to 10000"):
            parse_pairs(text, shortest=False, longest=False)


def test_a_model_that_uses_no_latent_is_told(zscape, run):
    table = zs.codes.load(run / "codes.parquet")
    keep(replace(table, mean=1e-4 * table.mean), run)
    done = zscape("walk", run, "--shortest", "--style", "none")
    assert done.code == 0
    assert "none of the 3 latents is in use, so every path decodes to much the same" in done.err


def test_originals_that_are_gone_are_told_and_left_out(zscape, run):
    spec = json.loads((run / "spec.json").read_text())
    spec["data"]["fingerprint"] = "0" * 16
    (run / "spec.json").write_text(json.dumps(spec))
    done = zscape("walk", run, "--shortest", "--style", "none")
    assert done.code == 0
    assert "ends are shown without their originals" in done.err
    assert "original" not in (run / "walk" / "paths.svg").read_text()


def test_searches_that_fell_short_say_how(zscape, run, monkeypatch):
    def found(run, table, ends, asked):
        lengths = np.ones(3)
        return zs.walk.GeodesicPaths(
            zs.walk.linear_path(*ends, steps=asked.steps), lengths, np.ones((2, 3)), np.full(3, 9),
            excess=np.array([0.5, 0.03, 0.0005]), converged=np.array([True, False, False]),
        )  # fmt: skip

    monkeypatch.setattr("zscape.app.walking.wandering._geodesics", found)
    done = zscape("walk", run, "--pairs", "random:3", "--path", "geodesic", "--style", "none")
    assert done.code == 0, done.err
    said = " ".join(done.err.split())
    assert "1 of 3 geodesic paths have not converged; their energy may be up to 3.0 % above" in said
    assert "1 of 3 geodesic paths bend within their pieces" in said


@pytest.mark.parametrize(
    ("words", "needs"),
    [
        (("--cost", 5), "--cost is of geodesic paths, but --path is linear"),
        (("--cost", 5, "--path", "graph"), "add geodesic to --path"),
        (("--neighbours", 3), "--neighbours is of graph and geodesic paths"),
        (("--path", ""), "unknown path ''"),
    ],
)
def test_options_that_no_path_asks_are_refused(zscape, run, words, needs):
    done = zscape("walk", run, "--from", 3, "--to", 9, "--style", "none", *words)
    assert done.code == 2
    assert needs in done.err
    assert not (run / "walk").exists()


def test_more_neighbours_than_codes_are_all_of_them(walked, run):
    _, _, notes, _ = walked("--from", 3, "--to", 9, "--path", "graph", "--neighbours", 100_000)
    assert notes["neighbours"] == len(zs.codes.load(run / "codes.parquet")) - 1


def test_malformed_codes_are_refused_before_anything_is_written(zscape, run):
    table = zs.codes.load(run / "codes.parquet")
    mean = table.mean.copy()
    mean[7] = np.nan
    keep(replace(table, mean=mean), run)
    done = zscape("walk", run, "--from", 3, "--to", 9, "--style", "none")
    assert done.code == 2
    assert "finite" in done.err
    assert not (run / "walk").exists()
