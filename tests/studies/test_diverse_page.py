"""Verdicts of the page from measurements that are made up."""

import pytest

from zscape.studies import diverse_page
from zscape.studies.diverse_measures import A1, A1_SHELL, BY_ADAM, EXACT, IID_PRIOR
from zscape.studies.diverse_sampling import SCALES
from zscape.studies.order import Order


@pytest.fixture
def evidence(digits, tmp_path):
    def of(models=(), deep=None):
        order = Order("diverse-sampling", "smoke", tmp_path)
        return diverse_page.Evidence(
            order, SCALES["smoke"], digits, [], list(models), [], {}, dict(deep or {}), 0.9
        )

    return of


@pytest.mark.parametrize(
    ("gains", "expected"),
    [
        ((0.02, 0.021, 0.022), "holds"),
        ((0.02, -0.02, 0.06), "not decided"),
        ((-0.02, -0.021, -0.022), "does not hold"),
    ],
)
def test_whether_pictures_look_average_is_paired_by_seed(evidence, written, gains, expected):
    looks = {"classes": 6.0, "pairwise": 8.0, "cosine": 0.5, "vendi": 4.0}
    # The models differ far more than the kinds of sets within each.
    base = (0.5, 0.7, 0.9)
    deep = {
        seed: {
            IID_PRIOR: looks | {"sure": sure + gain},
            A1: looks | {"sure": sure},
            A1_SHELL: looks | {"sure": sure},
        }
        for seed, (sure, gain) in enumerate(zip(base, gains, strict=True))
    }
    page = written(diverse_page._deep, evidence(deep=deep))
    assert [finding.verdict for finding in page.findings] == [expected]
    assert page.rows[-1].verdict == expected


def test_a_baseline_that_is_nearer_is_not_hidden_by_the_nearest_of_all(evidence, written):
    def model(noise):
        ways = {EXACT: 0.0150, BY_ADAM: 0.0151 + noise, "i.i.d.": 0.09 + noise, "Sobol": 0.04 + 100 * noise}
        rest = {"classes": 8.0, "coverage": 0.8, "seconds": 0.1}
        found = {way: rest | {"distance": distance} for way, distance in ways.items()}
        return {"baselines": {"prior": found, "training": found}}

    page = written(diverse_page._contest, evidence([model(noise) for noise in (-1e-5, 0.0, 1e-5)]))
    assert [finding.verdict for finding in page.findings] == ["holds"] * 2

    page = written(diverse_page._contest, evidence([model(noise) for noise in (-4e-4, 0.0, 4e-4)]))
    for finding in page.findings:
        # Adam's and Sobol's intervals now reach below the exact search.
        assert finding.verdict == "not decided"
        assert finding.reason.startswith("holds in 1 of 3; the nearest on average, Adam")
        assert finding.reason.endswith("against Adam (not decided), Sobol (not decided)")
