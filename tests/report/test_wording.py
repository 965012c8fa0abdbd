"""Numbers at the precision that their intervals allow."""

import pytest

from zscape.base import Result
from zscape.report.wording import duration, interval, number, phrase, words


@pytest.mark.parametrize(
    ("value", "spread", "text"),
    [
        (0.0, None, "0"),
        (9.0, None, "9"),
        (9.0, 0.5, "9.00"),
        (-0.5, None, "−0.5000"),
        (1e-12, None, "1e−12"),
        (1e9, 3e6, "1,000,000,000"),
        (102.3456, 4.0, "102.3"),
        (0.999999, 0.001, "1.0000"),
    ],
)
def test_number(value, spread, text):
    assert number(value, spread) == text


def test_interval_has_the_decimals_of_its_value():
    assert interval(Result("a", 1.23456, 1.2, 1.3, 5, "", "d")) == ("1.235", "1.200 to 1.300")
    assert interval(Result("a", 4.0, 4.0, 4.0, 5, "", "d")) == ("4", "4 to 4")
    assert interval(Result("a", 16.0, 15.0, 16.0, 5, "", "d")) == ("16", "15 to 16")
    assert interval(Result("a", 4.25, None, None, 5, "", "d")) == ("4.250", "")


def test_phrase_of_nothing_and_of_nested_settings():
    assert phrase({}) == "none"
    assert phrase([]) == "none"
    assert phrase({"weight": {"schedule": "Warmup", "stop": 1.0}}) == "weight schedule Warmup, stop 1"


def test_words_and_duration():
    assert words("offdiagonal_correlation") == "offdiagonal correlation"
    assert words("psnr") == "PSNR"
    assert [duration(seconds) for seconds in (0.04, 59.4, 60.0, 3600.0)] == [
        "0.0 s",
        "59.4 s",
        "1 min 00 s",
        "1 h 00 min",
    ]
