"""Verdicts from measurements that are made up."""

import pytest

from zscape.studies.sketch_claims import diversity, forms, noise, shrinking, targets
from zscape.studies.sketch_fits import Setting

PAPER, UNBIASED = Setting("paper", 0.5), Setting("unbiased", 2.0)


@pytest.mark.parametrize(
    ("penalties", "expected"),
    [((9.9, 10.0, 10.1), "holds"), ((30, 31, 32), "does not hold"), ((8, 10, 14), "not decided")],
)
def test_a_penalty_at_its_floor_is_noise(sketched, written, penalties, expected):
    page = written(noise, sketched({PAPER: [{"penalty": value, "floor": 10.0} for value in penalties]}))
    assert page.findings[0].verdict == expected


def test_overall_loss_over_lambda_is_compared_between_weights(sketched, written):
    def evidence(factor):
        return sketched(
            {
                Setting("paper", weight): [
                    {"overall": factor(weight) * (1 + 0.001 * seed)} for seed in range(3)
                ]
                for weight in (0.5, 2.0)
            }
        )

    assert written(noise, evidence(lambda weight: 100 * weight)).findings[1].verdict == "holds"
    assert written(noise, evidence(lambda weight: 100.0)).findings[1].verdict == "does not hold"


def test_less_variance_is_not_less_correlation(sketched, written):
    found = [{"correlation": value, "variance": 0.1} for value in (12.0, 12.1, 12.2)]
    decorrelates, shrinks = written(shrinking, sketched({PAPER: found})).findings
    assert (decorrelates.verdict, shrinks.verdict) == ("does not hold", "holds")


@pytest.mark.parametrize(
    ("correlation", "nats", "expected"),
    [
        (0.5, 101.0, "holds"),
        (0.5, 105.0, "does not hold"),
        (2.0, 100.0, "does not hold"),
    ],
)
def test_a_target_needs_both_of_its_sides(sketched, written, correlation, nats, expected):
    found = [{"correlation": correlation + 0.01 * seed, "nll": nats + 0.1 * seed} for seed in range(3)]
    page = written(targets, sketched({UNBIASED: found}))
    assert [finding.verdict for finding in page.findings] == [expected]


def test_one_weight_that_reaches_it_is_enough(sketched, written):
    good = [{"correlation": 0.1, "nll": 100.0}] * 3
    bad = [{"correlation": 9.0, "nll": 100.0}] * 3
    evidence = sketched({UNBIASED: bad, Setting("unbiased", 0.5): good})
    assert written(targets, evidence).findings[0].verdict == "holds"
    text = "\n".join(written(forms, evidence)._body)
    assert "unbiased, λ = 0.5: 0.01 of it left, at a cost of 0.0% of the reconstruction" in text


def test_variety_is_judged_form_by_form(sketched, written):
    more = [{"pairwise": 9.0, "prior coverage": 0.8, "prior vendi": 0.9, "prior ratio": 0.9}] * 3
    same = [{"pairwise": 9.0}] * 3
    page = written(diversity, sketched({PAPER: same, UNBIASED: more}))
    assert [finding.verdict for finding in page.findings[:2]] == ["not decided", "holds"]
    # Coverage of both samplers is made up as equal but where the prior's is changed.
    assert page.findings[2].verdict == "does not hold"
