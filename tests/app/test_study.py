"""zscape study: what it refuses. That the studies run is tested in tests/studies."""

import pytest


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("diverse-smapling",), "did you mean 'diverse-sampling'"),
        (("diverse-sampling", "--scale", "smok"), "did you mean 'smoke'"),
        (("class-generation", "--out", "{taken}"), "taken"),
    ],
)
def test_a_study_asked_wrongly_is_one_line(zscape, tmp_path, words, said):
    (tmp_path / "taken").write_text("a file")
    done = zscape("study", *(word.format(taken=tmp_path / "taken") for word in words))
    assert done.code in (1, 2)
    (line,) = [line for line in done.err.splitlines() if line.startswith("zscape: ")]
    assert said in line
