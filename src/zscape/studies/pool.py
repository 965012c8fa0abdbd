"""Independent pieces of work in several processes, with one account of how far they are."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from multiprocessing import get_context, parent_process
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Event
from typing import Any

import torch

from zscape.errors import StoppedError
from zscape.studies.order import Order, Plan

Told = Callable[[float, str], None]
Job = Callable[[Told], dict[str, Any]]
"""Does a piece of work, tells the share that is done and a few words, and gives what JSON can hold."""
AllTold = Callable[[Mapping[str, float], str], None]
"""Called with the share done of each piece that has begun, by name, and a few words."""

_SECONDS = 0.5  # between two looks at the news
# What this process was given by the one that started it.
_news: SimpleQueue[tuple[str, float, str]] | None = None
_stop: Event | None = None


def fits_done(
    order: Order, jobs: Mapping[str, Job], costs: Mapping[str, float], *, workers: int
) -> dict[str, dict[str, Any]]:
    """As `carried_out`, with the progress of a study whose work these jobs are.

    Args:
        order: The study.
        jobs: By name.
        costs: Estimated seconds of each on one thread.
        workers: Processes.
    """
    whole = sum(costs.values())
    with Plan({"fits": whole / workers}, order.watch).part("fits") as told:
        return carried_out(
            jobs,
            workers=workers,
            told=lambda shares, words: told(
                sum(costs[name] * share for name, share in shares.items()) / whole, words
            ),
        )


def carried_out(jobs: Mapping[str, Job], *, workers: int, told: AllTold) -> dict[str, dict[str, Any]]:
    """What each job gives, by name, in the order of `jobs`.

    With several workers each is a fresh process of one thread, so jobs must be picklable, and a script that
    asks for them needs the guard `if __name__ == "__main__"`. A job that fails stops the others at their next
    word; when this process ends, they end.

    Args:
        jobs: By name; none depends on another.
        workers: Processes; with 1 the jobs are done here, one after the other.
        told: Told whenever a job has told something.

    Raises:
        ValueError: If workers < 1.
        StoppedError: If a signal stopped a job.
    """
    if workers < 1:
        raise ValueError(f"jobs need workers >= 1, but got {workers}")
    if workers == 1:
        return _here(jobs, told)
    context = get_context("spawn")
    news, stop, shares = context.SimpleQueue(), context.Event(), dict.fromkeys(jobs, 0.0)

    def listen() -> None:
        while not news.empty():
            name, share, words = news.get()
            shares[name] = share
            told(shares, f"{name}  {words}".rstrip())

    with ProcessPoolExecutor(workers, mp_context=context, initializer=_begin, initargs=(news, stop)) as pool:
        futures = {name: pool.submit(_perform, name, job) for name, job in jobs.items()}
        try:
            waiting: set[Future[dict[str, Any]]] = set(futures.values())
            while waiting:
                done, waiting = wait(waiting, timeout=_SECONDS, return_when=FIRST_COMPLETED)
                listen()
                for future in done:
                    _unless_stopped(future.result())
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)
    listen()
    return {name: future.result() for name, future in futures.items()}


def _here(jobs: Mapping[str, Job], told: AllTold) -> dict[str, dict[str, Any]]:
    shares, found = dict.fromkeys(jobs, 0.0), {}

    def tell(name: str, share: float, words: str) -> None:
        shares[name] = share
        told(shares, f"{name}  {words}".rstrip())

    for name, job in jobs.items():
        found[name] = job(lambda share, words, name=name: tell(name, share, words))
        tell(name, 1.0, "done")
    return found


def _begin(news: SimpleQueue[tuple[str, float, str]], stop: Event) -> None:
    """Make this a process of one thread, that ends with the one that started it."""
    global _news, _stop
    _news, _stop = news, stop
    torch.set_num_threads(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        # What is under way has been checkpointed within the last half minute.
        os._exit(1)


def _perform(name: str, job: Job) -> dict[str, Any]:
    """One job in a process of the pool."""

    def tell(share: float, words: str) -> None:
        if _news is not None:
            _news.put((name, share, words))

    def told(share: float, words: str) -> None:
        if _stop is not None and _stop.is_set():
            raise StoppedError("another job failed or was stopped", signal=0)
        tell(share, words)

    try:
        found = job(told)
    except StoppedError as error:
        # It takes more than its message to make, so it would not arrive as an exception.
        return {"stopped": str(error), "signal": error.signal}
    # What is done is not stopped any more.
    tell(1.0, "done")
    return found


def _unless_stopped(found: dict[str, Any]) -> None:
    if "stopped" in found:
        raise StoppedError(found["stopped"], signal=found["signal"])
