"""The whole study on sprites, its measures against values that are known, and what its page may say."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from zscape import codes as tables
from zscape import data as datasets
from zscape import measure, walk
from zscape.base import Codes, Weighted
from zscape.errors import DivergedError
from zscape.run import Run
from zscape.studies import page as pages
from zscape.studies import style_claims, style_paths, style_profiles, style_structure, style_views
from zscape.studies.order import Order
from zscape.studies.sparse_measures import Subject
from zscape.studies.style_evidence import (
    HELD_OUT,
    TRAINING,
    Evidence,
    error_of_the_mean,
    parts_of,
    verdict_of_gains,
)
from zscape.studies.style_fits import (
    AAE,
    ACAI,
    AE,
    AEAI,
    BETA,
    KINDS,
    PAINTINGS,
    STOCHASTIC,
    TRIPLET,
    VAE,
    VIEWS,
    Fit,
    loaded,
    objective,
    wanted,
)
from zscape.studies.style_paths import SCALES, reader_of
from zscape.studies.style_turns import turntable_of
from zscape.terms import MixingCritic, PriorCritic, negative_log_likelihood

VERDICTS = {"holds", "holds in part", "does not hold", "not decided"}
SMOKE = SCALES["smoke"]
SEEDS = (0, 1, 2)


@pytest.fixture(scope="module")
def rows(style_walks):
    found = json.loads((style_walks[0] / "page" / "results.json").read_text("utf-8"))["rows"]
    return {(row["setting"], row["measure"]): row for row in found}


@pytest.fixture
def order(tmp_path):
    return Order("style-paths", "smoke", tmp_path)


@pytest.fixture(scope="module")
def subjects(style_walks):
    """The plain autoencoders of both data sets, of seed 0."""
    order = Order("style-paths", "smoke", style_walks[0])
    found = {}
    for where in (PAINTINGS, VIEWS):
        run = Run(order.models / Fit(where, AE, 0).name)
        found[where] = Subject.of(run, loaded(order, SMOKE, where), 0)
    return found


@pytest.fixture
def evidence(order):
    """Evidence of three seeds: what is told of a kind, by keys, in the place of a number a seed."""

    def of(numbers):
        scale = replace(SMOKE, seeds=SEEDS)
        found = {}
        for (where, kind, *keys), values in numbers.items():
            for seed in SEEDS:
                place = found.setdefault((where, kind, seed), {})
                for key in keys[:-1]:
                    place = place.setdefault(key, {})
                place[keys[-1]] = values[seed]
        images = {where: loaded(order, SMOKE, where) for where in (PAINTINGS, VIEWS)}
        return Evidence(order, scale, images, "a network", found)

    return of


def gaussian(count, scales, *, seed=0):
    """Codes of a Gaussian with given standard deviations, and labels of two classes."""
    rng = np.random.default_rng(seed)
    mean = (rng.standard_normal((count, len(scales))) * scales).astype(np.float32)
    return Codes(np.arange(count), np.full(count, "test"), mean, label=np.arange(count) % 2)


def test_the_page_is_whole(style_walks):
    out, told = style_walks
    text = (out / "page" / "index.md").read_text("utf-8")
    verdicts = re.findall(r"^\| .+ \| \*\*(.+)\*\* \| .+ \|$", text, re.MULTILINE)
    assert len(verdicts) == 19
    assert set(verdicts) <= VERDICTS
    pictures = re.findall(r"!\[.+\]\((.+)\)", text)
    assert {
        "planes.png",
        "spectra.png",
        "profiles.png",
        "strips.png",
        "distances.png",
        "turns-ae.png",
    } <= set(pictures)
    assert {path.name for path in (out / "page").glob("*.png")} == set(pictures)
    assert all((out / "page" / name).stat().st_size <= pages.LARGEST for name in pictures)
    assert not re.search(r"\bnan\b|\bNone\b|\binf\b", text)
    assert "are not, so that most of the tables below" in text
    done, total, words = told[-1]
    assert (done, words) == (total, "fits  done")
    names = {
        Fit(where, kind, seed).name for where in (PAINTINGS, VIEWS) for kind in KINDS for seed in SMOKE.seeds
    }
    assert {path.stem for path in (out / "kept").glob("*.json")} == names
    assert {path.name for path in (out / "models").iterdir()} == names


def test_numbers_are_those_of_the_models(style_walks, rows, subjects):
    """ARI and distances of every row, the means of their seeds."""
    aris, nearest = [], []
    for seed in SMOKE.seeds:
        run = Run(style_walks[0] / "models" / Fit(PAINTINGS, TRIPLET, seed).name)
        found = Subject.of(run, subjects[PAINTINGS].data, seed)
        held_out = parts_of(tables.encode(found.model, found.data))[HELD_OUT]
        clusters = measure.cluster(held_out, 3, seed=seed)
        aris.append(measure.cluster_agreement(clusters, held_out.label)[2].value)
        kept = json.loads((style_walks[0] / "kept" / f"{Fit(VIEWS, AE, seed).name}.json").read_text("utf-8"))
        nearest.append(np.mean(kept["value"]["quality"]["graph"][style_views.ACROSS]["nearest"]))
    row = rows[TRIPLET, "ari of kmeans 3, held-out"]
    assert row["value"] == pytest.approx(np.mean(aris), rel=1e-6)
    assert row["n"] == len(held_out) == 58
    assert {row["paper"] for row in rows.values()} == {None}
    row = rows[f"{AE}, graph, {style_views.ACROSS}", "nearest, rms of pixels"]
    assert row["value"] == pytest.approx(np.mean(nearest), rel=1e-6)


def test_objectives_are_those_of_the_kinds(order):
    numbers, latent = 64 * 64 * 3, 128
    made = {kind: objective(kind, numbers, latent) for kind in KINDS}
    assert made[VAE]["kl"].weight == 1
    assert made[BETA]["kl"].weight == 0.4
    assert made[TRIPLET]["triplet"].term.keywords["margin"] == 128
    assert isinstance(made[AAE]["prior"].term, PriorCritic)
    assert {made[kind]["reconstruction"] for kind in KINDS} == {negative_log_likelihood}
    # As published beside half the mean squared error of pixels in [-1, 1], for a loss that is twice as steep.
    assert isinstance(made[ACAI]["mixing"], Weighted)
    assert isinstance(made[ACAI]["mixing"].term, MixingCritic)
    assert made[ACAI]["mixing"].weight == 2 * 1536
    assert made[AEAI]["interpolation"].weight == pytest.approx(2 * 0.3 * 192)
    data = loaded(order, SMOKE, PAINTINGS)
    for kind in KINDS:
        asked = wanted(Fit(PAINTINGS, kind, 0), SMOKE, data)
        assert asked.fresh().to_spec()["stochastic"] == (kind in STOCHASTIC)
        assert asked.optimiser.betas[0] == (0.5 if kind in (AAE, AEAI) else 0.9)


def test_sphericity_is_one_for_a_sphere_and_the_share_of_a_flat_one():
    round_codes = style_structure.sphericity(gaussian(300, np.ones(100)))
    assert round_codes["sphericity"] == pytest.approx(1, abs=0.02)
    assert abs(round_codes["sphericity z"]) < 3
    # Three directions of ten with variance 1: (3 / 10)^2 / (3 / 10).
    flat = style_structure.sphericity(gaussian(4000, np.repeat([1.0, 0.0], [3, 7])))
    assert flat["sphericity"] == pytest.approx(0.3, abs=0.01)
    assert flat["sphericity z"] > 1000


def test_sphericity_of_posteriors_counts_their_noise():
    mean = gaussian(4000, np.repeat([1.0, 0.0], [3, 7]))
    logvar = np.tile(np.repeat([-50.0, 0.0], [3, 7]), (4000, 1)).astype(np.float32)
    found = style_structure.sphericity(replace(mean, logvar=logvar))
    assert found["sphericity of posteriors"] == pytest.approx(1, abs=0.01)
    assert found["sphericity"] == pytest.approx(0.3, abs=0.01)


def test_the_test_of_a_sphere_is_a_standard_normal():
    values = [
        style_structure.sphericity(gaussian(60, np.ones(40), seed=seed))["sphericity z"]
        for seed in range(200)
    ]
    assert np.mean(values) == pytest.approx(0, abs=0.25)
    assert np.std(values) == pytest.approx(1, abs=0.2)


def test_pairs_of_a_class_stay_in_it(subjects):
    held_out = parts_of(subjects[PAINTINGS].codes)[HELD_OUT]
    sets = list(style_profiles.chosen(held_out, 5, seed=0))
    assert len(sets) == 3 * 6
    for each in sets:
        np.testing.assert_array_equal(held_out.label[each.rows], np.tile(each.classes, (len(each.rows), 1)))
    within = next(each for each in sets if each.how == "shortest" and each.classes == (1, 1))
    one, other = within.rows[0]
    expected = measure.closest_pairs(held_out, within=1).distances[0]
    assert np.linalg.norm(held_out.mean[one] - held_out.mean[other]) == pytest.approx(expected, rel=1e-5)


def test_profiles_are_those_of_decoded_paths(subjects, style_walks):
    kept = json.loads((style_walks[0] / "kept" / f"{Fit(PAINTINGS, AE, 0).name}.json").read_text("utf-8"))[
        "value"
    ]
    first = kept["profiles"]["sets"][0]
    assert (first["how"], first["classes"]) == ("random", [0, 0])
    subject = subjects[PAINTINGS]
    held_out = parts_of(subject.codes)[HELD_OUT]
    ends = held_out.mean[np.array(first["rows"])]
    x = style_profiles.pictures_along(subject, walk.linear_path(ends[:, 0], ends[:, 1], steps=10))
    np.testing.assert_allclose(first["dissolve"], measure.cross_dissolve(x).of_paths, rtol=1e-4)
    assert np.shape(first["profiles"]) == (SMOKE.pairs, 10)
    shape = measure.profile_shape(np.array(first["profiles"]), prominence=0.1)
    np.testing.assert_allclose(first["ratio"], shape.ratio)
    assert np.shape(kept["profiles"]["long"][0]["profiles"]) == (1, 100)


def test_a_correlation_of_what_does_not_vary_is_none():
    index = np.linspace(0, 1, 8)
    assert style_profiles.correlated(index, index, 0)["value"] == pytest.approx(1)
    nothing = {"value": 0.0, "low": -1.0, "high": 1.0}
    assert style_profiles.correlated(np.ones(8), index, 0) == {**nothing, "n": 8}
    assert style_profiles.correlated(index[:3], index[:3], 0) == {**nothing, "n": 3}


def test_paths_along_which_nothing_happens_are_left_out():
    rng = np.random.default_rng(0)
    shape, dissolve = rng.random((2, 12))
    every = style_profiles.correlated(shape, dissolve, 0)
    still = np.full(6, np.nan)
    assert style_profiles.correlated(np.append(still, shape), np.append(still, dissolve), 0) == every


def test_of_a_model_that_makes_one_picture_of_all_codes_nothing_is_made_up(subjects, order, monkeypatch):
    subject = subjects[PAINTINGS]
    shape = subject.data.shape
    monkeypatch.setattr(Subject, "decoded", lambda self, z: np.full((len(z), *shape), 0.5, np.float32))
    found = style_profiles.profiles(
        subject, parts_of(subject.codes)[HELD_OUT], reader_of(order, SMOKE), pairs=3
    )
    assert {value for each in found["sets"] for value in each["ratio"]} == {None}
    assert (found["ratio, within"], found["dissolve, between"], found["style, within"]) == (1, 0, 0)
    assert (found["ratio and dissolve"]["n"], found["ratio and dissolve"]["low"]) == (0, -1)


def test_a_model_whose_codes_are_all_the_same_is_refused(subjects, style_walks, monkeypatch):
    order, subject, fit = (
        Order("style-paths", "smoke", style_walks[0]),
        subjects[PAINTINGS],
        Fit(PAINTINGS, AE, 0),
    )
    codes = replace(subject.codes, mean=np.ones_like(subject.codes.mean))
    monkeypatch.setattr(Subject, "of", lambda *_: replace(subject, codes=codes))
    with pytest.raises(DivergedError, match=f"{fit.name} are all the same"):
        style_paths._of_paintings(order, SMOKE, fit, Run(order.models / fit.name), subject.data)


def test_the_error_of_the_mean_picture():
    images = np.zeros((8, 1, 2, 2), np.uint8)
    images[4:] = 255
    data = datasets.from_arrays(images)
    train, test = (images[data.splits[each]].mean(axis=(1, 2, 3)) / 255 for each in ("train", "test"))
    assert error_of_the_mean(data) == pytest.approx(((test - train.mean()) ** 2).mean())


def test_distances_of_true_views_are_none(subjects):
    subject = subjects[VIEWS]
    table = turntable_of(subject.data, SMOKE.turn)
    # A heart, which looks the same at no two turns.
    pair = next(each for each in table.pairs(1) if each.thing == len(table.rows) - 1)
    true = subject.pictures(table.way(pair))
    nearest, pace = style_views.errors(subject, table, pair, true)
    np.testing.assert_allclose(nearest, 0)
    np.testing.assert_allclose(pace, 0)
    # Turned back to front every point is a true view still, but in its place only by chance.
    nearest, pace = style_views.errors(subject, table, pair, true[::-1])
    np.testing.assert_allclose(nearest, 0)
    assert pace[0] > 0
    nearest, pace = style_views.errors(subject, table, pair, true + 0.25)
    np.testing.assert_allclose(pace, 0.25, rtol=1e-6)


def test_paths_begin_and_end_at_the_codes_of_their_views(subjects):
    subject = subjects[VIEWS]
    table = turntable_of(subject.data, SMOKE.turn)
    pairs = [each for each in table.pairs(0) if each.span == 8][:2]
    found = style_views.paths(subject, table, pairs, 3)
    assert tuple(found) == style_views.PATHS
    for z in found.values():
        assert z.shape == (2, 9, SMOKE.views.latent)
        for path, pair in zip(z, pairs, strict=True):
            np.testing.assert_allclose(path[[0, -1]], subject.codes.mean[table.way(pair)[[0, -1]]], atol=1e-5)
    lengths = {name: walk.path_lengths(z, decode=subject.decoded) for name, z in found.items()}
    assert (lengths["geodesic"] <= lengths["linear"] * 1.001).all()


def test_gains_must_hold_over_seeds_and_over_objects():
    assert verdict_of_gains(np.array([[0.1, 0.11, 0.12]] * 3)) == "holds"
    # Of the same mean in each seed, but borne by one object alone.
    assert verdict_of_gains(np.array([[0.9, 0.0, 0.0]] * 3)) == "not decided"


def test_a_sphere_and_an_oblong_are_judged(written, evidence):
    def told(first, round_, triplet):
        numbers = {}
        for kind in KINDS:
            for part in (TRAINING, HELD_OUT):
                numbers[PAINTINGS, kind, part, "sphericity"] = round_ if kind == AAE else (0.5, 0.51, 0.52)
                numbers[PAINTINGS, kind, part, "sphericity z"] = (1.0, 1.0, 1.0)
                numbers[PAINTINGS, kind, part, "first share"] = triplet if kind == TRIPLET else first
        return [each.verdict for each in written(style_claims.covariance, evidence(numbers)).findings]

    low, high = (0.1, 0.11, 0.12), (0.6, 0.61, 0.62)
    assert told(low, (0.95, 0.96, 0.97), high) == ["holds", "holds", "holds"]
    assert told(high, (0.4, 0.41, 0.42), low) == ["does not hold"] * 3


def test_clusters_are_judged_on_both_parts(written, evidence):
    numbers = {}
    for kind in KINDS:
        for part in (TRAINING, HELD_OUT):
            for method in style_structure.METHODS:
                grouped = kind == TRIPLET and part == TRAINING
                numbers[PAINTINGS, kind, part, f"{method} 3", "ari"] = (
                    (0.8, 0.81, 0.82) if grouped else (0.02, 0.0, 0.01)
                )
    found = written(style_claims.clusters, evidence(numbers)).findings
    assert [each.verdict for each in found] == ["holds", "does not hold", "holds"]


def test_horseshoes_and_waves_are_judged_by_sign(written, evidence):
    numbers = {}
    for kind in KINDS:
        for name, value in (("ratio and dissolve", 0.5), ("maxima and dissolve", 0.4)):
            numbers[PAINTINGS, kind, "profiles", name, "value"] = (value, value + 0.01, value + 0.02)
            numbers[PAINTINGS, kind, "profiles", name, "low"] = (0.2, 0.2, 0.2)
            numbers[PAINTINGS, kind, "profiles", name, "high"] = (0.7, 0.7, 0.7)
            numbers[PAINTINGS, kind, "profiles", name, "n"] = (30, 30, 30)
    found = written(style_claims.shapes, evidence(numbers)).findings
    assert [each.verdict for each in found] == ["holds", "does not hold"]


def test_one_model_is_enough_for_the_claim_of_paths(written, evidence):
    def told(better):
        numbers = {}
        for kind in KINDS:
            for path in style_views.PATHS:
                for between in (style_views.SEEN, style_views.ACROSS):
                    near = kind == AE and path == "graph" and better
                    values = [[0.1, 0.11, 0.12]] * 3 if near else [[0.2, 0.21, 0.22]] * 3
                    numbers[VIEWS, kind, "quality", path, between, "nearest"] = values
        return written(style_claims.walks, evidence(numbers)).findings[-1]

    assert told(better=True).verdict == "holds"
    assert told(better=True).reason.startswith("holds in 2 of 42")
    assert told(better=False).verdict == "does not hold"
