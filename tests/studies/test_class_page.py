"""Curves and rows of the page from measurements that are made up."""

import numpy as np

from zscape.studies import class_page


def test_a_theta_rests_on_a_fit(by_hand, written):
    assert {row.n for row in written(class_page._thetas, by_hand()).rows} == {1}


def test_intervals_are_drawn_of_three_seeds_and_not_of_two():
    points = [[{"cosine": cosine, "accuracy": 0.9}] for cosine in (0.5, 0.6, 0.7)]
    three, two = class_page._curve("", points, 0), class_page._curve("", points[:2], 0)
    assert three.low[0, 0] < 0.6 < three.high[0, 0]
    np.testing.assert_array_equal(two.low, two.points)
    np.testing.assert_array_equal(two.high, two.points)
