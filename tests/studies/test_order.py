import subprocess
from pathlib import Path

import pytest

import zscape
from zscape.studies.order import Order, Plan, code_commit


def test_progress_never_goes_back_and_ends_at_the_whole():
    told = []
    plan = Plan({"fit": 30.0, "measure": 10.0, "nothing": 0.0}, lambda *news: told.append(news))
    with plan.part("fit") as part:
        part(0.5, "epoch 1/2")
    with plan.part("nothing"):
        pass
    with plan.part("measure") as part:
        part(1.0)
    done = [news[0] for news in told]
    assert done == sorted(done)
    assert {news[1] for news in told} == {40.0}
    assert told[1] == (15.0, 40.0, "fit  epoch 1/2")
    assert done[-1] == 40


def test_nobody_needs_to_watch():
    plan = Plan({"fit": 1.0})
    with plan.part("fit") as part:
        part(0.5)
    assert plan._done == 1.0


def test_a_part_that_fails_is_not_told_as_done():
    told = []
    plan = Plan({"fit": 1.0}, lambda *news: told.append(news[0]))
    with pytest.raises(RuntimeError), plan.part("fit"):
        raise RuntimeError
    assert told == [0.0]


def test_folders_of_a_study():
    order = Order("diverse-sampling", "cpu", Path("here"))
    assert [order.models, order.kept, order.page] == [
        Path("here", name) for name in ("models", "kept", "page")
    ]


def test_the_commit_is_that_of_the_code():
    root = Path(zscape.__file__).parents[2]
    done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=root, capture_output=True, text=True)
    if done.returncode:
        assert "unknown" in code_commit()
    else:
        assert code_commit().removesuffix("-dirty") == done.stdout.strip()


def test_without_git_the_commit_is_unknown(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert code_commit().startswith("unknown")


def test_a_study_is_of_the_code_that_it_began_with(monkeypatch):
    order = Order("style-paths", "smoke", Path("here"))
    monkeypatch.setattr("zscape.studies.order.code_commit", lambda: "another")
    assert order.commit == code_commit()
