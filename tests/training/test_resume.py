"""A fit killed at random moments, ten times, ends where the undisturbed one ends, bit for bit."""

import csv
import multiprocessing
import random
import signal
import time

import pytest
import torch

import zscape as zs
from zscape.base import Weighted
from zscape.schedules import CosineDecay, Warmup
from zscape.terms import kl, negative_log_likelihood
from zscape.training import Adam, Engine

KILLS = 10


def objective():
    return {"reconstruction": negative_log_likelihood, "kl": Weighted(Warmup(stop=1.0, steps=200), kl)}


def begin(out, checkpoint_seconds, epochs):
    torch.set_num_threads(1)
    data = zs.data.load("digits")
    torch.manual_seed(0)
    model = zs.Autoencoder.mlp(data.shape, latent=4, widths=(32,))
    zs.fit(
        model,
        objective(),
        data,
        out=out,
        epochs=epochs,
        optimiser=Adam(rate=CosineDecay(start=3e-3, steps=400, warmup=20), patience=1000),
        engine=Engine(accelerator="cpu", checkpoint_seconds=checkpoint_seconds, log_every=7),
    )


def go_on(out):
    torch.set_num_threads(1)
    zs.resume(out, zs.data.load("digits"))


def killed_at(out, target, arguments, delay):
    """Run in a process of its own, kill it some time after it has begun; None if it ended first."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["torch", "sklearn.datasets", "lightning_fabric", __name__])
    before = stamp(out)
    process = context.Process(target=target, args=arguments)
    process.start()
    while stamp(out) == before and process.is_alive():
        time.sleep(0.002)
    time.sleep(delay)
    process.kill()
    process.join()
    if process.exitcode != -signal.SIGKILL:
        assert process.exitcode == 0
        return None
    return torch.load(out / "checkpoint.ckpt", weights_only=True)["place"]["step"]


def stamp(out):
    try:
        return (out / "checkpoint.ckpt").stat().st_mtime_ns if (out / "spec.json").exists() else None
    except FileNotFoundError:
        return None


def timeless(path):
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [{k: v for k, v in row.items() if k not in ("seconds", "samples_per_second")} for row in rows]


def tensors(value):
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [tensor for part in value for tensor in tensors(part)] if isinstance(value, list) else []


# With a checkpoint at every step most kills fall into a write; with few, most work is done again.
@pytest.mark.parametrize(("checkpoint_seconds", "epochs"), [(0.0, 60), (0.05, 250)])
def test_killed_ten_times_it_ends_where_the_undisturbed_fit_ends(tmp_path, checkpoint_seconds, epochs):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    begin(whole, checkpoint_seconds, epochs)
    dice = random.Random(0)
    steps = [killed_at(broken, begin, (broken, checkpoint_seconds, epochs), dice.uniform(0.0, 0.1))]
    while len(steps) < KILLS:
        steps.append(killed_at(broken, go_on, (broken,), dice.uniform(0.0, 0.1)))
    assert None not in steps, "the fit ended before it was killed ten times: give it more epochs"
    assert steps == sorted(steps)
    assert len(set(steps)) > 2
    go_on(broken)
    for name in ("weights.safetensors", "last.safetensors"):
        assert (broken / name).read_bytes() == (whole / name).read_bytes()
    assert timeless(broken / "history.csv") == timeless(whole / "history.csv")
    states = [torch.load(out / "checkpoint.ckpt", weights_only=True) for out in (whole, broken)]
    assert states[0]["place"] == states[1]["place"]
    ours, theirs = (tensors([state["modules"], state["optimisers"]]) for state in states)
    assert len(ours) > 20
    assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))


def test_a_write_that_never_ended_leaves_nothing_that_misleads(tmp_path):
    """SIGKILL inside a write leaves a temporary file; it is neither read nor in the way."""
    out = tmp_path / "run"
    begin(out, 0.0, 3)
    last = (out / "last.safetensors").read_bytes()
    (out / ".checkpoint.abc.ckpt").write_bytes(b"half")
    go_on(out)
    assert (out / "last.safetensors").read_bytes() == last
