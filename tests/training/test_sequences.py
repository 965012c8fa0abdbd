"""Fits on batches shorter than the data's shape, and on data that training sees varied."""

import os
import signal

import numpy as np
import pytest
import torch

import zscape as zs
from zscape.errors import StoppedError
from zscape.strokes import to_stroke5
from zscape.training import Adam, Engine

ROWS, SIZE = 60, 8
SPLITS = {"train": np.arange(40), "validation": np.arange(40, 53), "test": np.arange(53, 60)}


class Drawn:
    """Random drawings of 1 to 19 points; training sees them turned and shortened, and what it saw is kept."""

    name, fingerprint, shape = "drawn", "0", (20, 5)
    labels, names, factors, splits = None, (), {}, SPLITS

    def __init__(self, *, augment=True):
        random = np.random.default_rng(0)
        self.counts = random.integers(1, 20, ROWS)
        self.x = torch.from_numpy(
            to_stroke5(
                [
                    np.column_stack([random.standard_normal((n, 2)), random.integers(0, 2, n)])
                    for n in self.counts
                ],
                length=20,
            )
        )
        self.augment = augment
        self.seen = []

    def __len__(self):
        return ROWS

    def to_spec(self):
        return {"name": self.name}

    def batches(self, split, size, *, seed, epoch):
        rows = np.random.default_rng((seed, epoch)).permutation(SPLITS[split])
        return iter(torch.from_numpy(rows[np.argsort(self.counts[rows], kind="stable")]).split(size))

    def batch(self, index, device):
        return self.x[index, : int(self.counts[index].max()) + 1].to(device), None

    def augmented(self, x, generator):
        if not self.augment:
            return x
        sign = torch.where(torch.rand((len(x), 1, 1), generator=generator) < 0.5, -1.0, 1.0)
        self.seen.append(sign.flatten().tolist())
        return torch.cat([x[:, 1:, :2] * sign, x[:, 1:, 2:]], dim=2)


def model(**options):
    torch.manual_seed(0)
    return zs.Autoencoder.lstm((20, 5), latent=2, encoder=4, decoder=8, mixtures=2, **options)


def fit(data, out, *, epochs=2, **options):
    return zs.fit(model(dropout=0.2), zs.recipes.vae(), data, out=out, epochs=epochs, batch=SIZE, **options)


def test_a_fit_on_drawings_learns_and_is_loaded_again(tmp_path):
    data = Drawn(augment=False)
    run = fit(data, tmp_path / "run", epochs=8, optimiser=Adam(rate=1e-2))
    history = run.history()
    held_out = history["total"][history["split"] == "validation"]
    assert held_out[-1] < held_out[0] - 0.3
    again = zs.Run(run.path).model
    x, _ = data.batch(torch.arange(5), "cpu")
    z = again.encode(x).mean.detach()
    assert again.pictures(z.numpy()).shape == (5, 20, 5)
    assert torch.isfinite(again.decode(z).log_prob(x)).all()


def test_a_stopped_fit_on_varied_data_ends_as_an_undisturbed_one(tmp_path):
    def interrupt(progress):
        if progress.step == 8 and progress.values["split"] == "train":
            os.kill(os.getpid(), signal.SIGTERM)

    engine, data = Engine(log_every=3), Drawn()
    whole = fit(data, tmp_path / "a", engine=engine)
    broken = Drawn()
    with pytest.raises(StoppedError):
        fit(broken, tmp_path / "b", engine=engine, watch=interrupt)
    assert len(broken.seen) == 8
    ended = zs.resume(tmp_path / "b", broken)
    assert broken.seen == data.seen
    for name in ("last.safetensors", "weights.safetensors"):
        ours, theirs = whole.weights(name), ended.weights(name)
        assert all(torch.equal(theirs[key], tensor) for key, tensor in ours.items())


def test_every_training_step_varies_anew_and_validation_is_left_alone(tmp_path):
    data = Drawn()
    seen = []

    def watched(draw):
        seen.append(draw.x.shape)
        return -draw.decoded.log_prob(draw.x).mean()

    zs.fit(model(), {"reconstruction": watched}, data, out=tmp_path / "run", epochs=2, batch=SIZE)
    assert len(data.seen) == 10
    assert len({tuple(signs) for signs in data.seen}) == 10
    # Two rehearsals, then per epoch five steps and the 13 rows of validation in two batches.
    assert [shape[0] for shape in seen] == [8, 6, *[8] * 5, 7, 6, *[8] * 5, 7, 6]
    lengths = np.sort(data.counts[SPLITS["validation"]]) + 1
    assert [shape[1] for shape in seen[-2:]] == [lengths[6], lengths[12]]
    again = Drawn()
    fit(again, tmp_path / "again")
    assert again.seen == data.seen
    other = Drawn()
    fit(other, tmp_path / "other", seed=1)
    assert other.seen != data.seen


def test_data_that_is_not_varied_is_fitted_as_it_is(tmp_path):
    seen = []

    def watched(draw):
        seen.append(draw.x)
        return -draw.decoded.log_prob(draw.x).mean()

    data = Drawn(augment=False)
    zs.fit(model(), {"reconstruction": watched}, data, out=tmp_path / "run", epochs=1, batch=SIZE)
    for x, rows in zip(seen[2:7], data.batches("train", SIZE, seed=0, epoch=0), strict=True):
        assert torch.equal(x, data.batch(rows, "cpu")[0])


def test_a_decoder_that_draws_too_long_is_refused_before_it_begins(tmp_path):
    wrong = model()
    wrong.decoder.length = 25
    with pytest.raises(ValueError, match=r"must give data of shape \(8, 20, 5\), but gave \(8, 25, 5\)"):
        zs.fit(wrong, zs.recipes.vae(), Drawn(), out=tmp_path / "run", batch=SIZE)
    assert not (tmp_path / "run").exists()


def test_in_half_precision_a_fit_is_near(tmp_path):
    totals = [
        fit(Drawn(), tmp_path / name, epochs=2, engine=Engine(bf16=bf16)).history()["total"][-1]
        for name, bf16 in (("a", False), ("b", True))
    ]
    assert totals[1] == pytest.approx(totals[0], rel=0.02)
    assert totals[1] != totals[0]
