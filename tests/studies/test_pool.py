"""Work in this process and in others: results, news, failures."""

import functools
import importlib
import os
import sys
import threading

import pytest

from zscape.errors import StoppedError
from zscape.studies import pool
from zscape.studies.pool import carried_out

# Other processes import what they are given by name, and know nothing of tests.
JOBS = """
import os
from zscape.errors import StoppedError

def where(number, told):
    told(0.5, "half")
    return {"number": number, "process": os.getpid()}

def stopped(told):
    raise StoppedError("checkpointed", signal=15)
"""


@pytest.fixture
def made(tmp_path, monkeypatch):
    """A module of jobs."""
    (tmp_path / "jobs_of_a_test.py").write_text(JOBS)
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("jobs_of_a_test")
    sys.modules.pop("jobs_of_a_test")


def jobs(made, count):
    return {f"job {number}": functools.partial(made.where, number) for number in range(count)}


def test_one_worker_works_here(made):
    news = []
    found = carried_out(
        jobs(made, 2), workers=1, told=lambda shares, words: news.append((dict(shares), words))
    )
    assert found == {f"job {number}": {"number": number, "process": os.getpid()} for number in range(2)}
    assert news[0] == ({"job 0": 0.5, "job 1": 0.0}, "job 0  half")
    assert news[-1] == ({"job 0": 1.0, "job 1": 1.0}, "job 1  done")


def test_two_workers_work_elsewhere_and_keep_the_order(made):
    news = []
    found = carried_out(jobs(made, 3), workers=2, told=lambda shares, words: news.append(dict(shares)))
    assert [each["number"] for each in found.values()] == [0, 1, 2]
    assert os.getpid() not in {each["process"] for each in found.values()}
    assert news[-1] == {"job 0": 1.0, "job 1": 1.0, "job 2": 1.0}


@pytest.mark.parametrize("workers", [1, 2])
def test_a_stopped_job_stops_all(made, workers):
    with pytest.raises(StoppedError, match="checkpointed") as caught:
        carried_out({"bad": made.stopped, **jobs(made, 1)}, workers=workers, told=lambda shares, words: None)
    assert caught.value.signal == 15


def test_what_is_done_when_another_has_failed_is_done(monkeypatch):
    """A StoppedError would not arrive in the process that waits, and leave it waiting for the other jobs."""
    stop = threading.Event()
    stop.set()
    monkeypatch.setattr(pool, "_stop", stop)
    assert pool._perform("quiet", lambda told: {"number": 3}) == {"number": 3}
    assert pool._perform("telling", lambda told: told(0.5, "half"))["signal"] == 0


def test_no_workers_do_no_work(made):
    with pytest.raises(ValueError, match="workers >= 1"):
        carried_out(jobs(made, 1), workers=0, told=lambda shares, words: None)
