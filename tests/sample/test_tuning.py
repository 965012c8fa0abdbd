"""Tuning against brute force, hand-worked cases and nulls; stopped tunings end as undisturbed ones."""

import functools
import itertools

import numpy as np
import pytest
import torch

from zscape.errors import RunFormatError
from zscape.sample import ByClass, Gradient, LabelledJudge, tune
from zscape.sample._visits import Judged, Visits
from zscape.sample.tuning import check_settings, tune_on

THETAS = [step / 10 for step in range(11)]


class Halves:
    """Knows two or three classes by the sign and size of the first pixel: soft, and so differentiable."""

    def __init__(self, classes=(2, 5)):
        self.classes_ = np.asarray(classes)

    def logits(self, pictures):
        first = pictures.reshape(len(pictures), -1)[:, 0]
        middles = torch.linspace(-1.0, 1.0, len(self.classes_))
        return -8 * (first[:, None] - middles) ** 2

    def __call__(self, pictures):
        return self.logits(torch.as_tensor(pictures)).double().softmax(1).numpy()


def decode_tensor(z):
    """Three pixels of which the first says the class, plus a picture that all share."""
    shared = torch.tensor([0.0, 2.0, 1.0])
    return torch.nn.functional.pad(z, (0, 3 - z.shape[1])) + shared


def decode(z):
    return decode_tensor(torch.as_tensor(z)).numpy()


def fitted(latents=2, classes=(2, 5), statistics="diagonal"):
    random = np.random.default_rng(0)
    labels = np.asarray(classes)[np.arange(300) % len(classes)]
    places = np.linspace(-1, 1, len(classes))[np.arange(300) % len(classes)]
    z = 0.9 * random.standard_normal((300, latents)) * (1 + np.arange(latents))
    z[:, 0] = 0.6 * z[:, 0] + places
    return ByClass(statistics).fit(z, labels)


def right(density):
    """A judge that always gives the label asked for."""

    class Right:
        def __init__(self):
            self.row, self.classes_ = 0, density.classes_

        def decode(self, z):
            # Draws of a class are nearest to its own mean where classes are far apart.
            self.asked = np.linalg.norm(z[:, None] - density.means_[:, 0], axis=2).argmin(axis=1)
            return decode(z)

        def __call__(self, pictures):
            return np.eye(len(self.classes_))[self.asked]

    return Right()


def far():
    labels = np.repeat([0, 1], 50)
    z = np.random.default_rng(0).standard_normal((100, 2)) + 1000 * labels[:, None]
    return ByClass().fit(z, labels)


def class_by_hand(density, row, theta, count, seed):
    """Cosine and error of one class by loops over pairs."""
    centre, deviation = density.parts(count, int(density.classes_[row]), seed=seed)
    pictures = decode(centre + np.array(theta) * deviation)
    cosines = [a @ b / np.sqrt((a @ a) * (b @ b)) for a, b in itertools.permutations(pictures, 2)]
    wrong = Halves(density.classes_)(pictures).argmax(axis=1) != row
    return np.mean(cosines), wrong.mean()


def by_hand(density, weight, count, seed):
    """The objective as a function of theta (C, D)."""
    part = functools.cache(lambda row, theta: class_by_hand(density, row, theta, count, seed))

    def objective(theta):
        parts = [part(row, tuple(each)) for row, each in enumerate(theta)]
        return float(np.mean([cosine + weight * wrong for cosine, wrong in parts]))

    return objective


def test_simple_is_the_whole_grid_of_44_cells():
    density = fitted()
    tuned = tune(density, decode, Halves(), weight=2.0, count=20, seed=3)
    assert len(tuned.history) == 44
    assert tuned.evaluations == 41 * 2
    values, objective = {}, by_hand(density, 2.0, 20, 3)
    for trial in tuned.history:
        values[trial.theta[0, 0], trial.draws] = objective(trial.theta / np.sqrt(trial.draws))
        assert trial.objective == pytest.approx(values[trial.theta[0, 0], trial.draws], abs=1e-9)
        assert trial.objective == pytest.approx(trial.cosine + 2 * (1 - trial.accuracy))
    assert set(values) == set(itertools.product(THETAS, (1, 2, 3, 5)))
    best = min(values, key=values.__getitem__)
    assert (tuned.density.theta, tuned.density.draws) == pytest.approx(best)
    assert 0 < tuned.density.theta < 1


@pytest.mark.parametrize("parameters", ["medium1", "medium2"])
def test_the_grid_finds_the_best_cell_of_all(parameters):
    density = fitted(1)
    tuned = tune(density, decode, Halves(), parameters=parameters, weight=1.5, count=15)
    cells = (
        [np.full((2, 1), theta) for theta in THETAS]
        if parameters == "medium1"
        else [np.array(pair)[:, None] for pair in itertools.product(THETAS, repeat=2)]
    )
    singles = [theta / np.sqrt(n) for theta, n in itertools.product(THETAS, (2, 3, 5))]
    others = (
        [np.full((2, 1), theta) for theta in singles]
        if parameters == "medium1"
        else [np.array(pair)[:, None] for pair in itertools.product(singles + THETAS, repeat=2)]
    )
    objective = by_hand(density, 1.5, 15, 0)
    best = min(map(objective, cells + others))
    assert tuned.objective == pytest.approx(best, abs=1e-9)
    theta = np.broadcast_to(tuned.density.theta, (2, 1))
    assert objective(theta) == pytest.approx(tuned.objective, abs=1e-9)


def test_more_parameters_are_no_worse_and_all_searches_agree_on_an_easy_case():
    density, judge = fitted(2), Halves()
    found = {
        (parameters, name): tune(
            density, decode, judge, parameters=parameters, search=search, count=40, weight=2.0
        )
        for parameters in ("medium1", "medium2")
        for name, search in (
            ("grid", "grid"), ("coordinates", "coordinates"), ("slope", Gradient(decode_tensor, judge.logits))
        )
    }  # fmt: skip
    simple = tune(density, decode, judge, count=40, weight=2.0)
    for (parameters, name), tuned in found.items():
        assert tuned.objective <= simple.objective + 1e-12
        assert tuned.objective == pytest.approx(found[parameters, "grid"].objective, abs=0.03)
        objectives = [trial.objective for trial in tuned.history]
        assert objectives == sorted(objectives, reverse=True)
        assert tuned.objective == objectives[-1]
        shape = (2,) if parameters == "medium1" else (2, 2)
        assert np.shape(tuned.density.theta) == shape, name
    assert found["medium2", "grid"].objective <= found["medium1", "grid"].objective + 1e-12


def test_the_gradient_is_that_of_finite_differences():
    density, judge = fitted(2), Halves()
    judged = Judged(density, decode, judge, count=25, seed=1)
    through = (decode_tensor, judge.logits)
    theta = np.array([0.4, 0.7])
    slope = judged.slope(1, theta, 3.0, through)

    def value(theta):
        centre, deviation = judged.parts[1]
        pictures = decode(centre + theta * deviation)
        unit = pictures / np.linalg.norm(pictures, axis=1, keepdims=True)
        cosine = ((unit @ unit.T).sum() - 25) / (25 * 24)
        return cosine + 3 * (1 - judge(pictures)[:, 1].mean())

    assert slope[0] == pytest.approx(value(theta), abs=1e-5)
    for latent in range(2):
        step = np.zeros(2)
        step[latent] = 1e-4
        assert slope[1 + latent] == pytest.approx(
            (value(theta + step) - value(theta - step)) / 2e-4, abs=1e-3
        )


def test_coordinates_end_where_no_change_of_one_theta_helps():
    density = fitted(4, classes=(2, 5, 9))
    tuned = tune(density, decode_four, Halves((2, 5, 9)), parameters="medium2", weight=1.0, count=12)
    theta = np.array(tuned.density.theta)
    for row, latent, value in itertools.product(range(3), range(4), THETAS):
        other = theta.copy()
        other[row, latent] = value
        assert objective_four(density, other) >= tuned.objective - 1e-12


def decode_four(z):
    return decode(z[:, :3]) + np.array([0, 0, 1]) * z[:, 3:]


def objective_four(density, theta):
    values = []
    judge = Halves(density.classes_)
    for row, label in enumerate(density.classes_):
        centre, deviation = density.parts(12, int(label), seed=0)
        pictures = decode_four(centre + theta[row] * deviation)
        unit = pictures / np.linalg.norm(pictures, axis=1, keepdims=True)
        cosine = ((unit @ unit.T).sum() - 12) / (12 * 11)
        values.append(cosine + (judge(pictures).argmax(axis=1) != row).mean())
    return np.mean(values)


def test_theta_0_has_cosine_1_and_a_blind_judge_drives_theta_up():
    density = far()
    judge = right(density)
    for settings in ({}, {"parameters": "medium1"}, {"parameters": "medium2", "search": "coordinates"}):
        tuned = tune(density, judge.decode, judge, count=50, **settings)
        assert tuned.accuracy == 1
        assert np.allclose(tuned.density.theta, 1.0)
        assert tuned.density.draws == 1
    still = tune(density, judge.decode, judge, count=50).history[0]
    assert (still.theta[0, 0], still.cosine) == (0.0, pytest.approx(1.0, abs=1e-12))


def test_with_a_large_weight_accuracy_goes_first_and_without_weight_likeness():
    density, judge = fitted(), Halves()
    careful, bold = (tune(density, decode, judge, weight=weight, count=60) for weight in (1000.0, 0.0))
    assert careful.accuracy == 1
    assert careful.accuracy > bold.accuracy
    assert careful.cosine > bold.cosine
    assert bold.density.theta == 1


def test_the_density_given_stays_as_it_was_and_its_theta_is_not_read():
    density = fitted()
    one = tune(density.scaled(0.1, draws=5), decode, Halves(), count=20)
    two = tune(density, decode, Halves(), count=20)
    assert (density.theta, density.draws) == (1.0, 1)
    assert one.objective == two.objective
    assert one.density.theta == two.density.theta


def test_the_seed_fixes_the_result():
    density, judge = fitted(), Halves()
    a, b, c = (tune(density, decode, judge, count=20, seed=seed) for seed in (1, 1, 2))
    assert [t.objective for t in a.history] == [t.objective for t in b.history]
    assert [t.objective for t in a.history] != [t.objective for t in c.history]


class Stop(RuntimeError):
    """Raised by a watch that stops a tuning."""


def stopping(after):
    def watch(made, best):
        if made >= after:
            raise Stop

    return watch


@pytest.mark.parametrize("after", [1, 37, 130])
@pytest.mark.parametrize("search", ["grid", "coordinates", "slope"])
def test_a_stopped_tuning_ends_as_an_undisturbed_one(tmp_path, search, after):
    density, judge, path = fitted(), Halves(), tmp_path / "tuning.npz"
    asked = {
        "parameters": "medium2",
        "search": Gradient(decode_tensor, judge.logits) if search == "slope" else search,
        "count": 20,
        "weight": 3.0,
    }
    whole = tune(density, decode, judge, **asked)
    assert whole.evaluations > 82
    calls = []

    def counted(z):
        calls.append(len(z))
        return decode(z)

    if whole.evaluations > after:
        with pytest.raises(Stop):
            tune(density, counted, judge, **asked, checkpoint=path, watch=stopping(after))
        assert path.exists()
    before = len(calls)
    again = tune(density, counted, judge, **asked, checkpoint=path)
    assert np.array_equal(again.density.theta, whole.density.theta)
    assert (again.objective, again.evaluations) == (whole.objective, whole.evaluations)
    assert [t.objective for t in again.history] == [t.objective for t in whole.history]
    # What was decoded before the stop is not decoded again; each call probes the two classes.
    if search != "slope" and before:
        assert len(calls) == whole.evaluations + 4
    done = len(calls)
    tune(density, counted, judge, **asked, checkpoint=path)
    assert all(size != 20 for size in calls[done:])
    assert len(calls) == done + 2 + (search == "slope")


def test_another_weight_may_share_a_checkpoint(tmp_path):
    density, judge, path = fitted(), Halves(), tmp_path / "tuning.npz"
    tune(density, decode, judge, count=20, checkpoint=path)
    shared = tune(density, decode, judge, count=20, weight=9.0, checkpoint=path)
    alone = tune(density, decode, judge, count=20, weight=9.0)
    assert shared.objective == alone.objective
    assert shared.evaluations == alone.evaluations


def test_a_checkpoint_of_other_settings_is_refused(tmp_path):
    density, judge, path = fitted(), Halves(), tmp_path / "tuning.npz"
    tune(density, decode, judge, count=20, checkpoint=path)
    for other, settings in (
        (density, {"count": 21}), (density, {"seed": 1}), (fitted(statistics="full"), {})
    ):  # fmt: skip
        with pytest.raises(RunFormatError, match="another density, count or seed"):
            tune(other, decode, judge, **{"count": 20, **settings}, checkpoint=path)
    with pytest.raises(RunFormatError, match="another decoder or judge"):
        tune(density, lambda z: 1 - decode(z), judge, count=20, checkpoint=path)
    with pytest.raises(RunFormatError, match="another decoder or judge"):
        tune(density, decode, lambda x: judge(x)[:, ::-1], count=20, checkpoint=path)
    whole = path.read_bytes()
    for damaged in (b"", whole[: len(whole) // 2], b"not an archive"):
        path.write_bytes(damaged)
        with pytest.raises(RunFormatError, match="not a readable checkpoint"):
            tune(density, decode, judge, count=20, checkpoint=path)


class Shifted(Halves):
    """As sure at the class means, but with another boundary between the classes."""

    def __init__(self, shift, hard=False):
        super().__init__()
        self.shift, self.hard = shift, hard

    def logits(self, pictures):
        first = pictures.reshape(len(pictures), -1)[:, 0]
        # Steep, so that away from the boundary probabilities are 0 or 1 to the last digit shown.
        return 60 * torch.stack([self.shift - first, first - self.shift], dim=1)

    def __call__(self, pictures):
        soft = super().__call__(pictures)
        return np.eye(2)[soft.argmax(axis=1)] if self.hard else soft


@pytest.mark.parametrize("hard", [False, True])
def test_a_judge_with_another_boundary_is_another(tmp_path, hard):
    density, judge, path = fitted(), Shifted(0.0, hard), tmp_path / "tuning.npz"
    first = tune(density, decode, judge, count=20, checkpoint=path)
    centres = decode(density.means_[:, 0])
    for shift in (-0.2, 0.05, 0.3):
        other = Shifted(shift, hard)
        assert np.allclose(judge(centres), other(centres), atol=1e-9)
        with pytest.raises(RunFormatError, match="another decoder or judge"):
            tune(density, decode, other, count=20, checkpoint=path)
    again = tune(density, decode, Shifted(0.0, hard), count=20, checkpoint=path)
    assert [trial.objective for trial in again.history] == [trial.objective for trial in first.history]


def test_rounding_is_no_other_function_but_one_pixel_of_a_few_pictures_is(tmp_path):
    density, judge, path = fitted(), Halves(), tmp_path / "tuning.npz"
    tune(density, decode, judge, count=20, checkpoint=path)

    def brighter(z):
        pictures = decode(z)
        pictures[z[:, 1] > 2, 2] += 0.02
        return pictures

    with pytest.raises(RunFormatError, match="another decoder or judge"):
        tune(density, brighter, judge, count=20, checkpoint=path)
    rounded = tune(
        density,
        lambda z: decode(z).astype(np.float32),
        lambda x: judge(x).astype(np.float32),
        count=20,
        checkpoint=path,
    )
    assert rounded.objective == tune(density, decode, judge, count=20).objective


def test_a_judge_in_half_precision_is_the_same_where_pictures_change_by_their_last_bits(tmp_path):
    density, path = fitted(), tmp_path / "tuning.npz"

    def judge(pictures):
        logits = Halves().logits(torch.as_tensor(pictures, dtype=torch.bfloat16))
        return logits.float().softmax(1).numpy()

    def elsewhere(z):
        noise = np.random.default_rng(1).standard_normal((len(z), 3))
        return decode(z) * (1 + 1e-7 * noise)

    first = tune(density, decode, judge, count=20, checkpoint=path)
    again = tune(density, elsewhere, judge, count=20, checkpoint=path)
    assert again.objective == first.objective
    with pytest.raises(RunFormatError, match="another decoder or judge"):
        tune(density, decode, lambda pictures: Halves()(pictures) ** 1.1, count=20, checkpoint=path)


def test_a_judge_that_names_its_columns_otherwise_is_another(tmp_path):
    density, judge, path = fitted(), Halves(), tmp_path / "tuning.npz"
    tune(density, decode, LabelledJudge(judge, [2, 5]), count=20, checkpoint=path)
    with pytest.raises(RunFormatError, match="another decoder or judge"):
        tune(density, decode, LabelledJudge(judge, [5, 2]), count=20, checkpoint=path)


def test_slopes_are_of_one_gradient_and_of_each_weight(tmp_path):
    density, judge, path = fitted(), Halves(), tmp_path / "tuning.npz"
    calls = []

    def logits(pictures):
        calls.append(len(pictures))
        return judge.logits(pictures)

    def found(weight, search, checkpoint=path):
        settings = {"parameters": "medium2", "search": search, "weight": weight, "count": 20}
        return tune(density, decode, judge, **settings, checkpoint=checkpoint)

    # Values alone first: a checkpoint without slopes takes any.
    tune(density, decode, judge, count=20, checkpoint=path)
    through = Gradient(decode_tensor, logits)
    shared = [found(weight, through) for weight in (0.5, 4.0)]
    alone = [found(weight, through, None) for weight in (0.5, 4.0)]
    assert shared[0].objective != shared[1].objective
    for one, two in zip(shared, alone, strict=True):
        assert np.array_equal(one.density.theta, two.density.theta)
        assert one.evaluations == two.evaluations
    calls.clear()
    assert np.array_equal(found(4.0, through).density.theta, alone[1].density.theta)
    # The class means, and a probe of each class.
    assert calls == [2, 200, 200]
    # As good at the class means, where they are compared with the judge.
    others = (
        Gradient(decode_tensor, lambda pictures: judge.logits(pictures) * 1.1),
        Gradient(lambda z: decode_tensor(z) * torch.tensor([1.0, 1.01, 1.0]), judge.logits),
    )
    for other in others:
        with pytest.raises(RunFormatError, match="slopes of another Gradient"):
            found(0.5, other)
    # A search without slopes has no use for them, and leaves them there.
    found(0.5, "coordinates")
    calls.clear()
    found(0.5, through)
    assert calls == [2, 200, 200]


def checkpoint_of(path):
    judge = Halves()
    settings = {"parameters": "medium1", "search": Gradient(decode_tensor, judge.logits), "count": 20}
    tune(fitted(), decode, judge, **settings, checkpoint=path)
    with np.load(path) as archive:
        arrays = dict(archive)
    return arrays, lambda: tune(fitted(), decode, judge, **settings, checkpoint=path)


@pytest.mark.parametrize(
    ("name", "fault", "message"),
    [
        ("key", lambda key: np.array([1, 2]), "'key' needs text"),
        ("pictures", lambda a: a * np.nan, "'pictures' needs finite"),
        ("probabilities", lambda a: a[:-1], "'probabilities' needs shape"),
        ("rows", lambda a: a + 0.5, "'rows' needs whole numbers, but has dtype float64"),
        ("rows", lambda a: a.astype(str), "'rows' needs whole numbers, but has dtype <U"),
        ("rows", lambda a: a + 1, "'rows' needs numbers >= 0 and <= 1"),
        ("rows", lambda a: -a, "'rows' needs numbers >= 0 and <= 1"),
        ("rows", lambda a: a[:0], "'rows' needs shape"),
        ("thetas", lambda a: a[:-1], "'thetas' needs shape"),
        ("thetas", lambda a: a[:, :1], "'thetas' needs shape .* D=2, but has"),
        ("thetas", lambda a: a.astype(np.float32)[..., None], "'thetas' needs shape"),
        ("cosines", lambda a: a * np.nan, "'cosines' needs finite"),
        ("cosines", lambda a: a + 2, "'cosines' needs numbers"),
        ("cosines", lambda a: np.array(1.0), "'cosines' needs shape"),
        ("accuracies", lambda a: a + 1, "'accuracies' needs numbers >= 0 and <= 1"),
        ("accuracies", None, "'accuracies'"),
        ("slope_pictures", lambda a: a[:, :-1], "'slope_pictures' needs shape"),
        ("slope_probabilities", None, "'slope_probabilities'"),
        ("slope_rows", lambda a: a + 7, "'slope_rows' needs numbers"),
        ("slope_thetas", lambda a: a.ravel(), "'slope_thetas' needs shape"),
        ("slope_weights", lambda a: a[1:], "'slope_weights' needs shape"),
        ("slope_weights", lambda a: a > 0, "'slope_weights' needs real numbers, but has dtype bool"),
        ("slopes", lambda a: a[:, 1:], r"'slopes' needs shape .* D\+1=3"),
        ("slopes", lambda a: a + np.nan, "'slopes' needs finite"),
    ],
)  # fmt: skip
def test_arrays_that_no_checkpoint_has_are_refused_by_name(tmp_path, name, fault, message):
    path = tmp_path / "tuning.npz"
    arrays, again = checkpoint_of(path)
    original = arrays.pop(name)
    np.savez(path, **arrays, **({} if fault is None else {name: fault(original)}))
    before = path.read_bytes()
    with pytest.raises(RunFormatError, match=f"not a readable checkpoint of a tuning .*{message}.*delete it"):
        again()
    assert path.read_bytes() == before


def test_watch_hears_of_every_set_and_the_best_so_far():
    heard = []
    tuned = tune(fitted(), decode, Halves(), count=20, watch=lambda made, best: heard.append((made, best)))
    assert [made for made, _ in heard] == list(range(1, tuned.evaluations + 1))
    assert heard[0][1] == np.inf
    bests = [best for _, best in heard]
    assert bests == sorted(bests, reverse=True)


def test_columns_of_the_judge_follow_its_classes():
    density, judge = fitted(), Halves()

    class Turned:
        classes_ = np.array([7, 5, 2])

        def __call__(self, pictures):
            probabilities = judge(pictures)
            return np.column_stack([np.zeros(len(pictures)), probabilities[:, 1], probabilities[:, 0]])

    assert tune(density, decode, Turned(), count=20).objective == pytest.approx(
        tune(density, decode, judge, count=20).objective, abs=1e-12
    )
    plain = tune(density, decode, lambda pictures: judge(pictures), count=20)
    assert plain.objective == pytest.approx(tune(density, decode, judge, count=20).objective)
    with pytest.raises(ValueError, match="lacks 5; it knows 2, 3"):
        tune(density, decode, Halves((2, 3)), count=20)


def test_pictures_of_any_shape_and_black_ones():
    density = fitted()
    tuned = tune(density, lambda z: decode(z).reshape(-1, 3, 1, 1), Halves(), count=20)
    assert tuned.objective == pytest.approx(tune(density, decode, Halves(), count=20).objective)
    black = tune(density, lambda z: 0 * decode(z), Halves(), count=20)
    assert black.cosine == 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"parameters": "medium3"}, "did you mean 'medium2'"),
        ({"parameters": "medium1", "search": "grit"}, "did you mean 'grid'"),
        (
            {"parameters": "medium1", "search": "cma"},
            r"'cma': known are auto, .* or a Gradient\(decode, logits\)",
        ),
        ({"seed": -1}, "seed needs to be >= 0"),
        ({"search": "coordinates"}, "always solved on its grid"),
        ({"weight": -1.0}, "weight >= 0"),
        ({"weight": float("nan")}, "weight >= 0"),
        ({"count": 1}, "count >= 2"),
    ],
)
def test_bad_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        tune(fitted(), decode, Halves(), **settings)


def test_a_grid_too_large_is_refused():
    with pytest.raises(ValueError, match=r"2.6e\+10 cells, but at most 1331"):
        tune(fitted(10), decode, Halves(), parameters="medium1", search="grid")


def test_functions_of_tensors_that_disagree_are_refused():
    density, judge = fitted(), Halves()
    soft = Gradient(decode_tensor, lambda pictures: judge.logits(pictures).softmax(1))
    with pytest.raises(ValueError, match="logits must come before the softmax"):
        tune(density, decode, judge, parameters="medium1", search=soft, count=10)


def test_bad_functions_are_refused():
    density, judge = fitted(), Halves()
    for wrong, message in (
        (lambda z: decode(z)[:-1], "decode must give 100 pictures"),
        (lambda z: decode(z)[:, 0], "decode must give 100 pictures, but gave shape"),
        (lambda z: decode(z) * np.nan, "hold NaN"),
    ):
        with pytest.raises(ValueError, match=message):
            tune(density, wrong, judge)
    for wrong, message in (
        (lambda x: judge(x)[:, 0], r"probabilities \(100, 2\)"),
        (lambda x: judge(x)[:, :1], r"probabilities \(100, 2\), but gave shape \(100, 1\).*LabelledJudge"),
        (lambda x: judge(x) * np.nan, "hold NaN"),
    ):
        with pytest.raises(ValueError, match=message):
            tune(density, decode, wrong)


def test_short_words_for_what_was_found():
    tuned = tune(fitted(), decode, Halves(), count=20, weight=2.0)
    assert repr(tuned).startswith(f"Tuned(objective {tuned.objective:.4g}, cosine ")
    assert repr(tuned).endswith(f", theta {tuned.density.theta:.3g}, 82 evaluations, 44 in history)")
    assert repr(tuned.history[-1]).endswith(", theta 1, draws 5)")


def test_a_search_that_is_no_name_is_refused():
    # The annotations refuse it under test, and this without them.
    with pytest.raises(TypeError, match=r"grid, coordinates, or a Gradient\(decode, logits\), but got 5"):
        check_settings.__wrapped__(fitted(), parameters="medium1", search=5, weight=1.0, count=10)


def test_logits_of_other_columns_are_refused():
    density, judge = fitted(), Halves()
    wide = Gradient(decode_tensor, Halves((2, 5, 9)).logits)
    with pytest.raises(ValueError, match=r"logits of shape \(2, 2\), but got \(2, 3\)"):
        tune(density, decode, judge, parameters="medium1", search=wide, count=10)


def test_the_best_is_forgotten_between_searches():
    density, judge, heard = fitted(), Halves(), []
    with Visits(
        Judged(density, decode, judge, count=20, seed=0), None, lambda *row: heard.append(row)
    ) as visits:
        for weight in (0.0, 50.0):
            heard.clear()
            tune_on(visits, density, parameters="simple", search="auto", weight=weight)
            assert heard[0] == (1, np.inf)
            assert heard[-1][0] == len(heard) == 82
