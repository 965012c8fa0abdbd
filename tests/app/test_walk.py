"""zscape walk: where it starts, what it moves, what it writes, and what it refuses."""

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
from zscape.app.walking.asked import parse_latents
from zscape.errors import SettingError

DRAWN = ["traversals.gif", "traversals.png", "traversals.svg", "walk.parquet"]
ANSWERED = ["responses.parquet", "responses.png", "responses.svg"]


@pytest.fixture
def run(fitted, tmp_path):
    """The small run, to write into, with three latents in use."""
    run = shutil.copytree(fitted, tmp_path / "run")
    table = zs.codes.load(run / "codes.parquet")
    keep(replace(table, mean=table.mean / table.mean.std(axis=0) * [1.0, 2.0, 3.0]), run)
    return run


def keep(table, run):
    """Write codes with the origin that they had."""
    path = run / "codes.parquet"
    origin = json.loads(pq.read_schema(path).metadata[b"zscape"])
    zs.codes.save(replace(table, mean=table.mean.astype(np.float32)), path)
    written = pq.read_table(path)
    notes = origin | json.loads(written.schema.metadata[b"zscape"])
    pq.write_table(written.replace_schema_metadata({b"zscape": json.dumps(notes)}), path)


def with_factors(run):
    table = zs.codes.load(run / "codes.parquet")
    size = np.random.default_rng(0).integers(0, 4, len(table))
    mean = table.mean.copy()
    mean[:, 0] = size + 0.1 * mean[:, 0]
    keep(replace(table, mean=mean, factors={"size": size, "half": (mean[:, 1] > 0).astype(int)}), run)


@pytest.fixture
def walked(zscape, run):
    """Walk with these options; gives the JSON printed, the walk and its notes."""

    def walk(*words):
        done = zscape("walk", run, *words, "--json")
        assert done.code == 0, done.err
        said = json.loads(done.out)
        return said, *zs.walk.load(said["walk"])

    return walk


def test_a_walk_is_that_of_the_functions(walked, run):
    said, ways, notes = walked("--seed", 3, "--steps", 5)
    table = zs.codes.load(run / "codes.parquet")
    expected = zs.walk.traversals(table, start=zs.walk.from_posterior(table, seed=3), steps=5)
    np.testing.assert_allclose(ways.z, expected.z, rtol=1e-5)
    assert ways.latents.tolist() == zs.walk.ranked(table).tolist()
    assert notes["from"] == "posterior"
    assert notes["order"] == "kl"
    assert notes["seed"] == 3
    assert len(notes["weights"]) == 16
    assert sorted(path.name for path in (run / "walk").iterdir()) == DRAWN
    with Image.open(said["traversals"]) as picture:
        assert picture.size[0] > 1000
    with Image.open(said["animation"]) as gif:
        assert gif.n_frames > 5


def test_starts(walked, run):
    table = zs.codes.load(run / "codes.parquet")
    for start, expected in (
        ("120", table.mean[120]),
        ("origin", np.zeros(3)),
        ("prior", zs.walk.from_prior(3, seed=2)),
        ("posterior", zs.walk.from_posterior(table, seed=2)),
    ):
        _, ways, notes = walked("--from", start, "--seed", 2, "--latents", "z1")
        np.testing.assert_allclose(ways.z[0, 0, 1:], expected[1:], rtol=1e-5)
        assert notes["from"] == start


def test_a_row_is_found_by_its_id(walked, run):
    table = zs.codes.load(run / "codes.parquet")
    keep(table.take(np.arange(len(table))[::-1]), run)
    _, ways, _ = walked("--from", 7, "--latents", "1")
    np.testing.assert_allclose(ways.z[0, 0, 1:], table.mean[7, 1:], rtol=1e-6)


def test_latents_come_in_the_order_asked_for(walked, run):
    assert walked("--latents", "z3,2")[1].latents.tolist() == [2, 1]
    assert walked("--order", "number")[1].latents.tolist() == [0, 1, 2]
    with_factors(run)
    assert walked("--order", "information", "--factor", "size")[1].latents[0] == 0
    said, ways, notes = walked("--order", "information", "--factor", "half")
    assert ways.latents[0] == 1
    assert notes["factor"] == "half"
    assert sorted(path.name for path in (run / "walk").iterdir()) == sorted(DRAWN + ANSWERED)
    rows = pq.read_table(said["table"]).to_pylist()
    share = {(row["factor"], row["latent"]): row["share"] for row in rows}
    assert share["size", "z1"] > 0.9 > 0.1 > share["size", "z3"]


def test_what_is_not_in_use_is_told_and_left_out_but_moved_when_named(zscape, run):
    table = zs.codes.load(run / "codes.parquet")
    keep(replace(table, mean=table.mean * [1, 0.001, 1]), run)
    done = zscape("walk", run)
    assert "note: not in use, as their means vary by less than 0.01: z2; --latents moves" in done.err
    assert 1 not in zs.walk.load(run / "walk" / "walk.parquet")[0].latents
    assert zscape("walk", run, "--latents", "z2").code == 0
    assert zs.walk.load(run / "walk" / "walk.parquet")[0].latents.tolist() == [1]
    keep(replace(table, mean=table.mean * 1e-4), run)
    done = zscape("walk", run)
    assert done.code == 2
    assert "none of the 3 latents is in use; name some with --latents" in done.err


def test_of_many_latents_the_first_are_moved(zscape, run, monkeypatch):
    from zscape.app.walking import command

    monkeypatch.setattr(command, "MOST", 2)
    assert (
        "of 3 latents in use the first 2 are moved; --latents names others, such as z"
        in zscape("walk", run).err
    )
    assert len(zs.walk.load(run / "walk" / "walk.parquet")[0].latents) == 2


def test_the_report_shows_the_walk_that_was_written(zscape, run):
    assert zscape("walk", run, "--from", 12, "--latents", "z2").code == 0
    assert zscape("report", run).code == 0
    assert "the others stay at the code of row 12 of the data" in (run / "report.html").read_text()


def test_drawings_are_walked_too(zscape, drawn, tmp_path):
    run = shutil.copytree(drawn, tmp_path / "run")
    done = zscape("walk", run, "--latents", "z1,z2", "--steps", 3)
    assert done.code == 0, done.err
    assert "<path" in (run / "walk" / "traversals.svg").read_text()


def test_the_folder_of_the_run_is_replaced_and_any_other_must_be_new(zscape, run, tmp_path):
    with_factors(run)
    assert zscape("walk", run).code == 0
    table = zs.codes.load(run / "codes.parquet")
    keep(replace(table, factors={}), run)
    assert zscape("walk", run).code == 0
    assert sorted(path.name for path in (run / "walk").iterdir()) == DRAWN
    assert zscape("walk", run, "--out", tmp_path / "new").code == 0
    again = zscape("walk", run, "--out", tmp_path / "new")
    assert again.code == 2
    assert "--out needs a new folder" in again.err
    (run / "walk" / "mine.txt").write_text("keep me")
    done = zscape("walk", run)
    assert done.code == 2
    assert "holds mine.txt" in done.err
    assert (run / "walk" / "mine.txt").exists()


def test_a_walk_that_fails_leaves_nothing(zscape, run, tmp_path, monkeypatch):
    from zscape import report

    def full(*_):
        raise OSError("No space left on device")

    monkeypatch.setattr(report, "write_walk", full)
    done = zscape("walk", run, "--out", tmp_path / "new")
    assert done.code == 1
    assert not (tmp_path / "new").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_model_without_a_prior_says_so(zscape, run):
    spec = json.loads((run / "spec.json").read_text())
    del spec["objective"]["kl"]
    (run / "spec.json").write_text(json.dumps(spec))
    assert "nothing in this objective pulls codes to the prior" in zscape("walk", run, "--from", "origin").err
    assert "nothing" not in zscape("walk", run).err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--from", "999999"), "--from needs a row of the codes, 0 to 1796, but got 999999"),
        (("--latents", "z4"), "--latents needs some of z1 to z3, but got z4"),
        (("--order", "information"), "needs codes with known factors of up to 100 values"),
    ],
)
def test_what_is_not_in_the_codes_is_refused(zscape, run, words, said):
    done = zscape("walk", run, *words)
    assert done.code == 2
    assert said in done.err
    assert "Traceback" not in done.err
    assert not (run / "walk").exists()


def test_an_unknown_factor_is_refused(zscape, run):
    with_factors(run)
    done = zscape("walk", run, "--order", "information", "--factor", "sise")
    assert done.code == 2
    assert "no factor is called 'sise': did you mean 'size'?" in done.err


def test_a_run_without_codes_or_with_other_weights_is_refused(zscape, run):
    notes = json.loads(pq.read_schema(run / "codes.parquet").metadata[b"zscape"])
    table = pq.read_table(run / "codes.parquet")
    notes = json.dumps(notes | {"weights": "0" * 16})
    pq.write_table(table.replace_schema_metadata({b"zscape": notes}), run / "codes.parquet")
    done = zscape("walk", run)
    assert done.code == 1
    assert "made with other weights; make it again with zscape encode" in done.err
    (run / "codes.parquet").unlink()
    done = zscape("walk", run)
    assert done.code == 1
    assert "is missing; make it with zscape encode" in done.err


def test_one_code_is_no_walk(zscape, run):
    keep(zs.codes.load(run / "codes.parquet").take(np.array([3])), run)
    done = zscape("walk", run)
    assert done.code == 2
    assert "needs codes of 2 or more samples" in done.err


QUICK = """
import sys
from zscape.app import cli

sys.argv = ["zscape", "walk", *sys.argv[1:]]
try:
    cli.main()
finally:
    print(*{"torch", "sklearn", "matplotlib", "scipy"} & set(sys.modules))
"""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("--from", "nowhere"),
            "--from needs a row of the data set, or where else to start; known are origin",
        ),
        (("--from", "-1"), "--from needs a row of the data set"),
        (("--order", "foo"), "unknown order 'foo': known are information, kl, number"),
        (("--latents", "z0"), "names with commas between them, such as z1,z4, but got 'z0'"),
        (("--latents", "z1", "--order", "kl"), "leave --order out"),
        (("--factor", "size"), "--factor needs --order information"),
        (("--out", "{run}"), "--out needs a new folder"),
    ],
)
def test_quick_mistakes_are_told_before_torch_is_loaded(fitted, words, said):
    command = [sys.executable, "-c", QUICK, str(fitted), *(word.format(run=fitted) for word in words)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stdout.strip() == ""


def test_names_of_latents():
    assert parse_latents("z10, 2,z1") == (9, 1, 0)
    for text in ("", "z", "1,", "a", "z1-3", "01", "z1z", "٣"):
        with pytest.raises(SettingError, match="names with commas"):
            parse_latents(text)
    with pytest.raises(SettingError, match="z2 twice"):
        parse_latents("2,z2")
