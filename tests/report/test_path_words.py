"""Pairs, choices and searches have the same words everywhere."""

import numpy as np
import pytest

from zscape import walk
from zscape.report.path_words import choice_name, pair_name, searches, short_searches


def paths_of(*choices):
    count = len(choices)
    return walk.PathSet(np.arange(2 * count).reshape(-1, 2), choices, {"linear": np.zeros((count, 3, 2))})


def test_a_pair_is_named_by_its_choice_its_rows_and_its_classes():
    found = paths_of("given", "closest")
    notes = {"classes": [["3", "8"]]}
    assert pair_name(found, notes, 0) == ("rows 0 to 1", "classes 3 to 8")
    assert pair_name(found, notes, 1) == ("closest, rows 2 to 3", "")


@pytest.mark.parametrize(
    ("notes", "name"),
    [
        ({}, "2 random pairs"),
        ({"within": "3"}, "2 random pairs within class 3"),
        ({"between": ["3", "8"]}, "2 random pairs from class 3 to 8"),
    ],
)
def test_a_choice_says_how_many_and_of_what(notes, name):
    found = paths_of("random", "random", "furthest")
    assert choice_name(found, notes, "random") == name
    assert choice_name(found, notes, "furthest") == "furthest, rows 4 to 5"


def test_searches_say_how_they_ended():
    done = {"converged": [1.0, 1.0], "excess": [0.0, 0.0002]}
    assert short_searches({"search": {"geodesic": done}}) == []
    assert searches({"search": {"geodesic": done}}) == (
        " The searches for all 2 geodesic paths have converged."
    )
    assert searches({"search": {"geodesic": {"converged": [1.0], "excess": [0.0]}}}) == (
        " The search for the geodesic path has converged."
    )
    short = {"converged": [0.0, 0.0], "excess": [0.04, 0.0005]}
    found = short_searches({"search": {"geodesic": short}})
    assert found[0].startswith("1 of 2 geodesic paths have not converged; their energy may be up to 4.0 %")
    assert found[1].startswith("1 of 2 geodesic paths bend within their pieces")
    assert searches({"search": {"geodesic": short}}) == f" {found[0]}. {found[1]}."
    assert searches({}) == searches({"search": {"graph": {"converged": [0.0]}}}) == ""
