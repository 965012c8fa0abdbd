"""What a fit computes, writes and refuses."""

import json
import math
import os
import signal
import subprocess
import sys
import time
from functools import partial

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

import zscape as zs
from zscape.base import Critic, Weighted
from zscape.errors import DivergedError, RunFormatError, SettingError, StoppedError
from zscape.schedules import CosineDecay, Cyclical, Warmup
from zscape.terms import kl, negative_log_likelihood
from zscape.training import Adam, Engine
from zscape.training.randomness import mixed


@pytest.fixture(scope="module")
def data():
    return zs.data.load("digits")


def small(data, *, seed=0, **settings):
    torch.manual_seed(seed)
    return zs.Autoencoder.mlp(data.shape, latent=3, widths=(16,), **settings)


def fit(data, out, *, model=None, objective=None, epochs=2, **options):
    return zs.fit(
        model or small(data), objective or zs.recipes.vae(), data, out=out, epochs=epochs, **options
    )


def weights(run, name="last.safetensors"):
    return load_file(run.path / name)


def same(a, b):
    return all(torch.equal(a[key], b[key]) for key in a) and a.keys() == b.keys()


def test_terms_know_the_rows_they_see_and_how_many_there_are(data, tmp_path):
    seen = []

    def looking(draw):
        x, _ = data.batch(draw.rows, "cpu")
        seen.append((torch.equal(x, draw.x), draw.size))
        return kl(draw)

    fit(data, tmp_path / "run", objective={"kl": looking}, epochs=1)
    assert set(seen) == {(True, len(data.splits["train"]))}


def test_rows_of_varied_data_are_not_told(tmp_path):
    drawings = zs.data.load("doodles:count=200", augment=True)
    model = zs.Autoencoder.lstm(drawings.shape, latent=2, encoder=4, decoder=4, mixtures=2)
    seen = set()

    def looking(draw):
        seen.add(draw.rows is None)
        return kl(draw)

    fit(drawings, tmp_path / "run", model=model, objective={"kl": looking}, epochs=1, batch=100)
    # Augmented in training; held-out drawings are as they are.
    assert seen == {True, False}


def test_one_step_is_adam_on_the_gradient_of_the_weighted_sum(data, tmp_path):
    """A second implementation of the loop, for one step on the whole training split."""
    model = small(data, stochastic=False)
    twin = small(data, stochastic=False)
    rows = torch.from_numpy(data.splits["train"])
    objective = {"reconstruction": Weighted(0.5, negative_log_likelihood)}
    fit(data, tmp_path / "run", model=model, objective=objective, epochs=1, batch=len(rows))
    x, _ = data.batch(rows, "cpu")
    optimiser = torch.optim.Adam(twin.parameters(), lr=1e-3)
    (-0.5 * twin.decode(twin.encode(x).mean).log_prob(x).mean()).backward()
    optimiser.step()
    for ours, theirs in zip(model.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-5)


def test_the_same_call_gives_the_same_run(data, tmp_path):
    first, second = fit(data, tmp_path / "a"), fit(data, tmp_path / "b")
    assert same(weights(first), weights(second))
    other = fit(data, tmp_path / "c", seed=1)
    assert not same(weights(first), weights(other))


def test_checkpoints_and_rows_do_not_change_the_result(data, tmp_path):
    engine = Engine(checkpoint_seconds=0.0, log_every=3)
    assert same(weights(fit(data, tmp_path / "a")), weights(fit(data, tmp_path / "b", engine=engine)))


def test_the_callers_random_state_and_denormals_are_left_alone(data, tmp_path):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    model = small(data)
    torch.manual_seed(5)
    fit(data, tmp_path / "run", model=model)
    assert torch.equal(torch.rand(3), expected)
    assert (torch.full((), 1e-40) * 1).item() > 0


def test_denormals_are_flushed_while_fitting_only_if_asked(data, tmp_path):
    seen = {}

    def spy(draw):
        seen["flushed"] = (torch.full((), 1e-40) * 1).item() == 0
        return negative_log_likelihood(draw)

    for wanted in (True, False):
        engine = Engine(flush_denormals=wanted)
        fit(data, tmp_path / str(wanted), objective={"reconstruction": spy}, epochs=1, engine=engine)
        assert seen["flushed"] is wanted


def test_history_keeps_raw_values_beside_weights(data, tmp_path):
    objective = {"reconstruction": negative_log_likelihood, "kl": Weighted(Warmup(stop=1.0, steps=22), kl)}
    run = fit(data, tmp_path / "run", objective=objective, epochs=3, engine=Engine(log_every=4))
    history = run.history()
    train = history["split"] == "train"
    assert history["step"][train].tolist() == [4, 8, 11, 15, 19, 22, 26, 30, 33]
    assert history["step"][~train].tolist() == [11, 22, 33]
    assert history["kl.weight"][train].tolist() == pytest.approx(
        [min((s - 1) / 22, 1) for s in history["step"][train]]
    )
    validation = {name: column[~train] for name, column in history.items()}
    # The validation total takes all weights as at the end, so that a warm-up does not favour early epochs.
    expected = validation["reconstruction"] + validation["kl"]
    np.testing.assert_allclose(validation["total"], expected, rtol=1e-5)
    assert (history["samples_per_second"][train] > 0).all()
    assert (np.diff(history["seconds"]) >= 0).all()


def test_validation_takes_weights_as_at_the_last_step(data, tmp_path):
    # At the step after the last a new cycle would begin, with weight 0.
    objective = {"reconstruction": negative_log_likelihood, "kl": Weighted(Cyclical(stop=2.0, period=11), kl)}
    history = fit(data, tmp_path / "run", objective=objective).history()
    rows = history["split"] == "validation"
    assert history["kl.weight"][rows].tolist() == [2.0, 2.0]
    expected = history["reconstruction"][rows] + 2 * history["kl"][rows]
    np.testing.assert_allclose(history["total"][rows], expected, rtol=1e-5)


def test_validation_is_the_mean_over_its_split_whatever_the_batch(data, tmp_path):
    objective = {"reconstruction": negative_log_likelihood}
    model = small(data, stochastic=False)
    run = fit(data, tmp_path / "run", model=model, objective=objective, epochs=1, batch=100)
    x, _ = data.batch(torch.from_numpy(data.splits["validation"]), "cpu")
    with torch.no_grad():
        expected = -model.decode(model.encode(x).mean).log_prob(x).mean().item()
    history = run.history()
    assert history["total"][history["split"] == "validation"][0] == pytest.approx(expected, rel=1e-6)


def test_the_learning_rate_follows_its_schedule(data, tmp_path):
    rate = CosineDecay(start=1e-2, steps=22, warmup=5)
    run = fit(data, tmp_path / "run", optimiser=Adam(rate=rate), engine=Engine(log_every=1))
    history = run.history()
    train = history["split"] == "train"
    assert history["rate"][train].tolist() == pytest.approx([rate(step) for step in range(22)])


def test_early_stopping_keeps_the_best_weights(data, tmp_path):
    # A rate this large worsens the validation loss at some epoch.
    optimiser = Adam(rate=0.3, patience=2)
    run = fit(data, tmp_path / "run", optimiser=optimiser, epochs=60)
    history = run.history()
    losses = history["total"][history["split"] == "validation"]
    assert len(losses) < 60
    assert losses.argmin() == len(losses) - 3
    assert not same(weights(run), weights(run, "weights.safetensors"))
    best = {name: tensor.clone() for name, tensor in run.model.state_dict().items()}
    assert same(best, weights(run, "weights.safetensors"))


def test_clipping_by_norm_bounds_the_step_of_a_large_gradient(data, tmp_path):
    norms = []

    def steep(draw):
        return 1e4 * negative_log_likelihood(draw)

    class Spy(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Sequential(nn.Flatten(), nn.Linear(64, 2))

        def forward(self, x):
            weight = self.inner[1].weight
            if weight.grad is not None:
                norms.append(weight.grad.norm().item())
            return self.inner(x)

    for name, settings in (("norm", Adam(clip_norm=0.5)), ("value", Adam(clip_value=0.01))):
        norms.clear()
        decoder = nn.Sequential(nn.Linear(2, 64), nn.Unflatten(1, (1, 8, 8)))
        model = zs.Autoencoder(Spy(), decoder, shape=(1, 8, 8), latent=2)
        fit(data, tmp_path / name, model=model, objective={"steep": steep}, epochs=1, optimiser=settings)
        limit = 0.5 if name == "norm" else 0.01 * 128**0.5
        assert 0 < max(norms) <= limit * (1 + 1e-5)


class SloppyCritic(Critic):
    """Never detaches: that its loss does not move the model is up to the loop."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 1))

    def forward(self, draw):
        return nn.functional.softplus(-self.net(draw.z)).mean()

    def loss(self, draw):
        z = draw.encode(draw.x).mean
        return (
            nn.functional.softplus(-self.net(torch.randn_like(z))) + nn.functional.softplus(self.net(z))
        ).mean()


def test_a_critic_learns_without_moving_the_model_and_the_reverse(data, tmp_path):
    torch.manual_seed(1)
    idle, critic = SloppyCritic(), SloppyCritic()
    before = {name: p.clone() for name, p in critic.state_dict().items()}
    objective = {"reconstruction": negative_log_likelihood, "prior": Weighted(0.0, critic)}
    with_critic = fit(data, tmp_path / "a", objective=objective)
    alone = fit(data, tmp_path / "b", objective={"reconstruction": negative_log_likelihood})
    assert not same(before, critic.state_dict())
    # At weight 0 the critic's term pulls at nothing, so its own loss must be all that differs.
    assert same(weights(with_critic), weights(alone))
    assert "prior.critic" in with_critic.history()
    idle.loss = lambda draw: 0.0 * sum(p.sum() for p in idle.parameters())
    kept = {name: p.clone() for name, p in idle.state_dict().items()}
    fit(data, tmp_path / "c", objective={"reconstruction": negative_log_likelihood, "prior": idle})
    assert same(kept, idle.state_dict())


def test_what_a_critic_shares_with_the_model_belongs_to_the_model(data, tmp_path):
    model = small(data)
    critic = SloppyCritic()
    critic.encoder = model.encoder
    objective = {"reconstruction": negative_log_likelihood, "prior": Weighted(0.0, critic)}
    shared = fit(data, tmp_path / "a", model=model, objective=objective)
    alone = fit(data, tmp_path / "b", objective={"reconstruction": negative_log_likelihood})
    assert same(weights(shared), weights(alone))


def test_a_term_more_changes_no_other_terms_draws(data, tmp_path):
    seen = {}

    def drawing(name, draw):
        seen.setdefault(name, []).append(torch.rand(()).item())
        return 0.0 * draw.z.sum()

    first, second = partial(drawing, "first"), partial(drawing, "second")
    fit(data, tmp_path / "a", objective={"first": first}, epochs=1)
    alone = seen.pop("first")
    fit(data, tmp_path / "b", objective={"first": first, "second": second}, epochs=1)
    assert seen["first"] == alone
    # The two rehearsals have the seed of the first validation batch; all others have seeds of their own.
    assert len(set(alone[2:])) == len(alone[2:])
    assert not set(seen["second"]) & set(alone)


def test_modules_are_in_evaluation_mode_for_validation_only(data, tmp_path):
    modes = []

    class Watched(SloppyCritic):
        def forward(self, draw):
            modes.append((draw.x.shape[0], self.training, torch.is_grad_enabled()))
            return super().forward(draw)

    objective = {"reconstruction": negative_log_likelihood, "prior": Watched()}
    fit(data, tmp_path / "run", objective=objective, epochs=1)
    # Rehearsals of both splits, eleven steps, then 180 validation samples in two batches.
    assert modes == [
        (16, False, True),
        (90, False, True),
        *[(128, True, True)] * 11,
        *[(90, False, False)] * 2,
    ]


def test_dropout_and_batch_norm_resume_bit_for_bit(data, tmp_path):
    def make():
        torch.manual_seed(0)
        encoder = nn.Sequential(
            nn.Flatten(), nn.Linear(64, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 3)
        )
        return zs.Autoencoder(encoder, nn.Linear(3, 64), shape=(1, 8, 8), latent=3)

    def interrupt(progress):
        if progress.step == 18 and progress.values["split"] == "train":
            os.kill(os.getpid(), signal.SIGTERM)

    objective, engine = zs.recipes.autoencoder(), Engine(log_every=7)
    whole = fit(data, tmp_path / "a", model=make(), objective=objective, engine=engine)
    with pytest.raises(StoppedError):
        fit(data, tmp_path / "b", model=make(), objective=objective, engine=engine, watch=interrupt)
    broken = zs.resume(tmp_path / "b", data, model=make())
    assert same(weights(whole), weights(broken))
    assert same(weights(whole, "weights.safetensors"), weights(broken, "weights.safetensors"))


def test_a_loss_that_is_not_finite_names_term_and_step(data, tmp_path):
    def fragile(draw):
        return negative_log_likelihood(draw) * (float("nan") if draw.step == 7 else 1.0)

    objective = {"reconstruction": fragile, "kl": kl}
    with pytest.raises(DivergedError, match="reconstruction is nan at step 7"):
        fit(data, tmp_path / "run", objective=objective)


def test_a_diverged_fit_leaves_the_last_good_checkpoint(data, tmp_path):
    def fragile(draw):
        return negative_log_likelihood(draw) * (float("nan") if draw.step == 7 else 1.0)

    with pytest.raises(DivergedError):
        fit(data, tmp_path / "run", objective={"r": fragile}, engine=Engine(checkpoint_seconds=0.0))
    state = torch.load(tmp_path / "run" / "checkpoint.ckpt", weights_only=True)
    assert state["place"]["step"] == 7
    assert all(torch.isfinite(t).all() for t in state["modules"][0].values())


def test_weights_that_are_not_finite_are_never_kept(data, tmp_path):
    class Poison(torch.autograd.Function):
        @staticmethod
        def forward(ctx, z):
            return z.sum() * 0

        @staticmethod
        def backward(ctx, gradient):
            return torch.full((128, 3), math.nan)

    def late(draw):
        last = draw.step == draw.total - 1 and torch.is_grad_enabled()
        return negative_log_likelihood(draw) + (Poison.apply(draw.z) if last else 0.0)

    with pytest.raises(DivergedError, match=r"weights .* are not finite after step 21"):
        fit(data, tmp_path / "run", objective={"late": late}, engine=Engine(checkpoint_seconds=0.0))
    state = torch.load(tmp_path / "run" / "checkpoint.ckpt", weights_only=True)
    assert all(torch.isfinite(t).all() for t in state["modules"][0].values())


def test_a_diverged_fit_leaves_the_history_that_led_to_it(data, tmp_path):
    with pytest.raises(DivergedError):
        fit(data, tmp_path / "run", optimiser=Adam(rate=1e9), engine=Engine(log_every=1), epochs=20)
    assert len(zs.Run(tmp_path / "run").history()["step"]) > 0


def test_tied_weights_are_kept_and_loaded(data, tmp_path):
    class Tied(nn.Module):
        def __init__(self, linear):
            super().__init__()
            self.linear = linear

        def forward(self, z):
            return z @ self.linear.weight

    linear = nn.Linear(64, 3)
    model = zs.Autoencoder(nn.Sequential(nn.Flatten(), linear), Tied(linear), shape=(1, 8, 8), latent=3)
    run = fit(data, tmp_path / "run", model=model, objective=zs.recipes.autoencoder())
    assert torch.equal(run.weights("last.safetensors")["encoder.1.weight"], linear.weight)
    assert run.model.decoder.linear is run.model.encoder[1]


def test_the_run_folder_holds_what_it_should(data, tmp_path):
    run = fit(data, tmp_path / "run")
    names = {path.name for path in run.path.iterdir()}
    assert names == {
        "spec.json",
        "splits.npz",
        "weights.safetensors",
        "last.safetensors",
        "checkpoint.ckpt",
        "history.csv",
    }
    spec = json.loads((run.path / "spec.json").read_text())
    assert spec["data"]["fingerprint"] == data.fingerprint
    assert spec["objective"]["kl"] == {
        "term": "zscape.terms.divergence:kl",
        "settings": {"free_bits": 0.0},
        "weight": 1.0,
        "capacity": None,
    }
    assert spec["versions"]["torch"] == torch.__version__
    for name, rows in data.splits.items():
        assert np.array_equal(run.splits[name], rows)
    assert {key.split(".")[0] for key in weights(run)} == {"encoder", "decoder"}


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"epochs": 0}, "epochs >= 1"),
        ({"batch": 0}, "batch >= 1"),
        ({"objective": {}}, None),
        ({"objective": {"total": kl}}, "letters, digits and underscores"),
        ({"objective": {"a.b": kl}}, "letters, digits and underscores"),
        ({"objective": {"kl": lambda draw: draw.z}}, "term 'kl' must give a scalar"),
        ({"objective": {"kl": Weighted(math.inf, kl)}}, "objective of the fit needs plain finite values"),
        ({"seed": -1}, "seed >= 0"),
    ],
)
def test_what_cannot_be_fitted_is_refused_before_anything_is_written(data, tmp_path, change, match):
    options = {"epochs": 1, "objective": zs.recipes.vae()} | change
    with pytest.raises(ValueError, match=match or "at least one term"):
        zs.fit(small(data), options.pop("objective"), data, out=tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()


def test_a_recipe_that_was_not_called_is_named(data, tmp_path):
    with pytest.raises(TypeError, match=r"mapping|Mapping"):
        zs.fit(small(data), zs.recipes.vae, data, out=tmp_path / "run")


def test_numbers_of_epochs_must_be_whole(data, tmp_path):
    with pytest.raises(TypeError, match=r"float|epochs"):
        fit(data, tmp_path / "run", epochs=1.5)
    assert not (tmp_path / "run").exists()


def test_what_only_validation_cannot_do_is_found_before_it_begins(tmp_path):
    images = np.random.default_rng(0).random((10, 4, 4))
    few = zs.data.from_arrays(images)
    with pytest.raises(ValueError, match="two or more codes, but the batch holds 1"):
        fit(few, tmp_path / "run", objective=zs.recipes.mmd_vae())
    assert not (tmp_path / "run").exists()


def test_a_signal_after_the_last_step_is_passed_on(data, tmp_path):
    def interrupt(progress):
        if progress.step == 22 and progress.values["split"] == "validation":
            os.kill(os.getpid(), signal.SIGINT)

    # Shells start what runs in the background with this signal ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            fit(data, tmp_path / "run", watch=interrupt)
    finally:
        signal.signal(signal.SIGINT, before)
    assert zs.resume(tmp_path / "run", data).history()["step"].max() == 22


def test_a_model_of_another_shape_is_refused(data, tmp_path):
    model = zs.Autoencoder.mlp((1, 4, 4), latent=2)
    with pytest.raises(ValueError, match=r"\(1, 4, 4\), but the data's are \(1, 8, 8\)"):
        fit(data, tmp_path / "run", model=model)


def test_kl_without_a_stochastic_encoder_fails_before_anything_is_written(data, tmp_path):
    with pytest.raises(ValueError, match="stochastic=True"):
        fit(data, tmp_path / "run", model=small(data, stochastic=False))
    assert not (tmp_path / "run").exists()


def test_a_folder_that_holds_something_is_refused(data, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match="needs a new folder"):
        fit(data, tmp_path)
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ValueError, match="needs a new folder"):
        fit(data, tmp_path / "file")


def test_a_decoder_of_the_wrong_shape_is_named(data, tmp_path):
    class Wrong(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(3, 10)

        def forward(self, z):
            return zs.model.Gaussian(self.linear(z), torch.zeros(()))

    model = zs.Autoencoder(nn.Sequential(nn.Flatten(), nn.Linear(64, 3)), Wrong(), shape=(1, 8, 8), latent=3)
    with pytest.raises(ValueError, match=r"must give data of shape \(16, 1, 8, 8\), but gave \(16, 10\)"):
        fit(data, tmp_path / "run", model=model, objective=zs.recipes.autoencoder())


def test_settings_out_of_range_are_refused():
    for make, match in (
        (lambda: Adam(rate=0.0), "rate > 0"),
        (lambda: Adam(betas=(0.9, 1.0)), "two betas"),
        (lambda: Adam(clip_norm=0.0), "clip_norm > 0 or None"),
        (lambda: Adam(patience=0), "patience > 0 or None"),
        (lambda: Engine(accelerator="tpu-ish"), "accelerator among"),
        (lambda: Engine(devices=0), "devices >= 1"),
        (lambda: Engine(checkpoint_seconds=-1.0), "checkpoint_seconds >= 0"),
    ):
        with pytest.raises(ValueError, match=match):
            make()


def test_a_batch_larger_than_the_split_is_one_batch(data, tmp_path):
    run = fit(data, tmp_path / "run", batch=10**6, epochs=3)
    assert run.history()["step"].max() == 3


def test_bf16_and_channels_last_fit_close_to_float32(tmp_path):
    sprites = zs.data.sprites(size=16, orientations=2, positions=3)
    losses = []
    for name, engine in (("a", Engine()), ("b", Engine(bf16=True, channels_last=True))):
        torch.manual_seed(0)
        model = zs.Autoencoder.conv(sprites.shape, latent=3, channels=(8, 16), dense=16)
        run = zs.fit(model, zs.recipes.vae(), sprites, out=tmp_path / name, epochs=3, batch=32, engine=engine)
        losses.append(run.history()["total"][-1])
        assert all(tensor.dtype == torch.float32 for tensor in weights(run).values())
    assert losses[1] == pytest.approx(losses[0], rel=0.03)
    assert losses[1] != losses[0]


def test_tensorboard_files_hold_the_history(data, tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    run = fit(data, tmp_path / "run", engine=Engine(tensorboard=True))
    events = accumulator.EventAccumulator(str(run.path / "tensorboard"))
    events.Reload()
    history = run.history()
    rows = history["split"] == "validation"
    scalars = events.Scalars("validation/total")
    assert [event.step for event in scalars] == history["step"][rows].tolist()
    assert [event.value for event in scalars] == pytest.approx(history["total"][rows].tolist(), rel=1e-6)


def test_progress_is_told_with_an_estimate(data, tmp_path):
    told = []
    fit(data, tmp_path / "run", watch=told.append, epochs=3)
    assert [(p.step, p.epoch) for p in told] == [(11, 1), (11, 1), (22, 2), (22, 2), (33, 3), (33, 3)]
    assert told[-1].total == 33
    assert told[-1].seconds_left == 0
    assert all(math.isfinite(p.seconds_left) and p.seconds_left >= 0 for p in told)


def test_a_signal_stops_between_steps_and_says_how_to_go_on(data, tmp_path):
    whole = fit(data, tmp_path / "whole", epochs=4)
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]

    for number in (signal.SIGINT, signal.SIGTERM):
        out = tmp_path / str(number)

        def interrupt(progress, number=number):
            if progress.step == 11 and progress.values["split"] == "train":
                os.kill(os.getpid(), number)

        with pytest.raises(StoppedError, match=f"zscape fit --resume {out}") as stopped:
            fit(data, out, epochs=4, watch=interrupt)
        assert stopped.value.signal == number
        assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] == handlers
        assert same(weights(zs.resume(out, data)), weights(whole))


def test_resuming_a_finished_run_changes_nothing(data, tmp_path):
    run = fit(data, tmp_path / "run")
    before = {path.name: path.read_bytes() for path in run.path.iterdir()}
    zs.resume(run.path, data)
    assert before == {path.name: path.read_bytes() for path in run.path.iterdir()}


def test_resume_refuses_other_data_objectives_and_folders(data, tmp_path):
    run = fit(data, tmp_path / "run")
    with pytest.raises(ValueError, match="fitted on other data"):
        zs.resume(run.path, zs.data.load("digits", grey=True, seed=0, size=6))
    with pytest.raises(ValueError, match="train split is not the one"):
        zs.resume(run.path, zs.data.load("digits", seed=5))
    with pytest.raises(SettingError, match="not the one"):
        zs.resume(run.path, data, objective=zs.recipes.beta_vae(2.0))
    with pytest.raises(RunFormatError, match="not one; make it with zscape fit"):
        zs.resume(tmp_path / "none", data)
    (run.path / "checkpoint.ckpt").write_bytes(b"not a checkpoint")
    with pytest.raises(RunFormatError, match=r"checkpoint.ckpt cannot be read"):
        zs.resume(run.path, data)


def test_a_term_of_ones_own_needs_to_be_given_again(data, tmp_path):
    def own(draw):
        return negative_log_likelihood(draw)

    run = fit(data, tmp_path / "run", objective={"own": own})
    with pytest.raises(SettingError, match="not one of zscape's"):
        zs.resume(run.path, data)
    assert zs.resume(run.path, data, objective={"own": own}).path == run.path


def test_wrapped_networks_fit_and_load_when_given(data, tmp_path):
    def make():
        torch.manual_seed(0)
        encoder = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
        return zs.Autoencoder(encoder, nn.Linear(3, 64), shape=(1, 8, 8), latent=3)

    run = fit(data, tmp_path / "run", model=make(), objective=zs.recipes.autoencoder())
    z = np.zeros((2, 3), np.float32)
    assert np.array_equal(zs.Run(run.path, make()).decode(z), run.decode(z))
    with pytest.raises(SettingError, match="pass the model"):
        zs.Run(run.path).decode(z)


def test_seeds_differ_by_place():
    seeds = {mixed(seed, step, stream) for seed in range(5) for step in range(50) for stream in range(4)}
    assert len(seeds) == 5 * 50 * 4
    assert all(0 <= seed < 2**63 for seed in seeds)


SCRIPT = """
import sys
import torch
from torch import nn
import zscape as zs
from zscape.base import Weighted, Critic
from zscape.terms import RememberedCovariance, correlation, covariance, kl, mmd
from zscape.terms import negative_log_likelihood, squared_error
from zscape.training import Adam, Engine
from functools import partial

class Prior(Critic):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))
    def forward(self, draw):
        return nn.functional.softplus(-self.net(draw.z)).mean()
    def loss(self, draw):
        return nn.functional.softplus(self.net(draw.z)).mean() + self.net(0 * draw.z + 1).square().mean()

if __name__ == "__main__":
    out, devices = sys.argv[1], int(sys.argv[2])
    torch.set_num_threads(1)
    data = zs.data.load("digits")
    torch.manual_seed(0)
    model = zs.Autoencoder.mlp(data.shape, latent=3, widths=(16,))
    objective = {
        "reconstruction": negative_log_likelihood,
        "kl": Weighted(0.5, kl),
        "mmd": Weighted(50.0, mmd),
        "pixels": Weighted(0.1, squared_error, capacity=6.5),
        "drawn": Weighted(10.0, partial(mmd, sampled=True)),
        "prior": Weighted(0.5, Prior()),
        "covariance": Weighted(0.1, partial(covariance, of="aggregate", diagonal=0.5)),
        "correlation": Weighted(0.1, correlation),
        "memory": Weighted(0.1, RememberedCovariance(size=200, of="z")),
    }
    engine = Engine(accelerator="cpu", devices=devices)
    zs.fit(model, objective, data, out=out, epochs=3, engine=engine, optimiser=Adam(clip_norm=5.0))
"""


def test_a_signal_to_one_of_two_processes_stops_both_and_they_resume(tmp_path):
    script, out = tmp_path / "script.py", tmp_path / "run"
    # Epochs shorter than a row of the history: the processes agree between epochs too.
    script.write_text(SCRIPT.replace("epochs=3", "epochs=400"))
    command = [sys.executable, script, out, "2"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    begun = time.monotonic()
    while not (out / "spec.json").exists() and time.monotonic() - begun < 60:
        time.sleep(0.05)
    time.sleep(1)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "zscape fit --resume" in err
    place = torch.load(out / "checkpoint.ckpt", weights_only=True)["place"]
    assert place["step"] > 0
    assert not place["finished"]


def test_two_processes_give_the_result_of_one(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    for devices in (1, 2):
        done = subprocess.run(
            [sys.executable, script, tmp_path / str(devices), str(devices)],
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr[-2000:]
    one, two = (zs.Run(tmp_path / str(devices)) for devices in (1, 2))
    for name in ("last.safetensors", "weights.safetensors"):
        ours, theirs = one.weights(name), two.weights(name)
        for key, tensor in ours.items():
            torch.testing.assert_close(theirs[key], tensor, atol=2e-5, rtol=1e-4)
    # Every logged value is that of the whole batch, critics' losses too.
    for name, column in one.history().items():
        if name not in ("split", "seconds", "samples_per_second"):
            np.testing.assert_allclose(two.history()[name], column, rtol=2e-4, atol=1e-5, err_msg=name)
