"""Training throughput: zscape.fit beside the loop that a user writes, pythae's trainer, and bare arithmetic.

One thread, CPU seconds, contestants interleaved, medians of rounds; only ratios within one run mean anything.

    ZSCAPE_DATA=... python bench/fit.py [--rounds 5] [--samples 12800]

Needs MNIST and paintings in the data folder; pythae needs the extra `bench` (`pip install zscape[bench]`) and
is left out without it. Every contestant trains the same network with the same loss, Bernoulli likelihood plus
KL, by Adam.
"""

import argparse
import contextlib
import io
import logging
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset, TensorDataset

import zscape as zs

Contestant = Callable[[], float]  # trains for a while and gives samples per CPU second


def main() -> None:
    """Run all contests and print their tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--samples", type=int, default=12_800, help="trained on in each turn of the small networks"
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    logging.getLogger("lightning.fabric").setLevel(logging.WARNING)
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    digits = zs.data.load("mnist").images[:30_000]
    for title, make in (
        ("784-500-500-20 softplus", lambda: zs.Autoencoder.mlp((1, 28, 28), latent=20)),
        (
            "784x5 ReLU, latent 2",
            lambda: zs.Autoencoder.mlp((1, 28, 28), latent=2, widths=(784,) * 5, activation=nn.ReLU),
        ),
    ):
        for batch in (128, 32):
            contest(
                f"{title}, batch {batch}", contestants(make, digits, batch, options.samples), options.rounds
            )
    paintings = zs.data.load("paintings", size=64).images
    conv = contestants(
        lambda: zs.Autoencoder.conv((3, 64, 64), latent=64), paintings, 128, 1024, channels_last=True
    )
    contest("conv 64x64x3, latent 64, batch 128", conv, options.rounds)


def contest(title: str, entrants: dict[str, Contestant], rounds: int) -> None:
    """Let every contestant run once a round, and print medians and ratios to the user's loop."""
    rates: dict[str, list[float]] = {name: [] for name in entrants}
    for _ in range(rounds):
        for name, run in entrants.items():
            rates[name].append(run())
    base = statistics.median(rates["DataLoader, PIL, Adam"])
    print(f"\n{title}\n| contestant | samples/s (median of {rounds}, min to max) | ratio |\n|---|---|---|")
    for name, values in rates.items():
        middle = statistics.median(values)
        print(
            f"| {name} | {middle:,.0f} ({min(values):,.0f} to {max(values):,.0f}) | {middle / base:.2f} |",
            flush=True,
        )


def contestants(
    make: Callable[[], zs.Autoencoder],
    images: Tensor,
    batch: int,
    samples: int,
    *,
    channels_last: bool = False,
) -> dict[str, Contestant]:
    """What is compared on one network and data set."""
    entrants = {
        "DataLoader, PIL, Adam": lambda: user_loop(
            make(), DataLoader(Pictures(images), batch, shuffle=True), samples
        ),
        "DataLoader on tensors, Adam": lambda: user_loop(make(), tensors(images, batch), samples),
        "zscape.fit": lambda: ours(make(), images, batch, samples, zs.Engine(accelerator="cpu", log_every=2)),
        "zscape.fit, bf16": lambda: ours(
            make(), images, batch, samples, zs.Engine(accelerator="cpu", log_every=2, bf16=True)
        ),
        "forward and backward alone": lambda: bare(make(), images, batch, samples),
    }
    if channels_last:
        engine = zs.Engine(accelerator="cpu", log_every=2, bf16=True, channels_last=True)
        entrants["zscape.fit, bf16, channels last"] = lambda: ours(make(), images, batch, samples, engine)
    elif has_pythae():
        entrants["pythae"] = lambda: pythae_trainer(make(), images, batch, samples)
    return entrants


class Pictures(Dataset):
    """One picture at a time through PIL and a ToTensor, as tutorials have it."""

    def __init__(self, images: Tensor) -> None:
        self.pictures = [np.squeeze(image.permute(1, 2, 0).numpy()) for image in images]

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> Tensor:
        array = np.array(Image.fromarray(self.pictures[index]))
        array = array[:, :, None] if array.ndim == 2 else array
        return torch.from_numpy(array.transpose(2, 0, 1)).contiguous().float().div(255)


def tensors(images: Tensor, batch: int) -> Iterator[Tensor]:
    """A DataLoader over a float tensor."""
    for (x,) in DataLoader(TensorDataset(images.float() / 255), batch, shuffle=True):
        yield x


def loss_of(model: zs.Autoencoder, x: Tensor) -> Tensor:
    """Bernoulli likelihood plus KL, as a user writes it."""
    q = model.encode(x)
    z = q.mean + torch.randn_like(q.mean) * (0.5 * q.logvar).exp()
    logits = model.decode(z).logits
    likelihood = functional.binary_cross_entropy_with_logits(logits, x, reduction="sum")
    kl = -0.5 * (1 + q.logvar - q.mean.square() - q.logvar.exp()).sum()
    return (likelihood + kl) / len(x)


def user_loop(model: zs.Autoencoder, batches: Iterator[Tensor] | DataLoader, samples: int) -> float:
    """Adam, zero_grad, backward, step, and the loss logged with item()."""
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
    clock = Clock(samples)
    for x in batches:
        optimiser.zero_grad()
        loss = loss_of(model, x)
        loss.backward()
        optimiser.step()
        loss.item()
        if clock.ticks(len(x)):
            break
    return clock.rate()


def bare(model: zs.Autoencoder, images: Tensor, batch: int, samples: int) -> float:
    """The arithmetic that no loop can avoid: forward and backward on one batch in memory."""
    x = images[:batch].float() / 255
    clock = Clock(samples)
    while not clock.ticks(batch):
        model.zero_grad()
        loss_of(model, x).backward()
    return clock.rate()


def ours(model: zs.Autoencoder, images: Tensor, batch: int, samples: int, engine: zs.Engine) -> float:
    """The public function, with its checks, history and files."""
    # Enough rows for one turn, and next to none for validation, which the others do not do.
    data = zs.data.from_arrays(images[: samples + 3 * batch + 8], fractions=(1.0 - 2e-3, 1e-3, 1e-3))
    clock = Clock(samples)
    with tempfile.TemporaryDirectory() as folder:

        def watch(progress: zs.training.Progress) -> None:
            if progress.values["split"] == "train" and not clock.done:
                clock.at(progress.step * batch)

        zs.fit(
            model,
            zs.recipes.vae(),
            data,
            out=Path(folder) / "run",
            epochs=1,
            batch=batch,
            engine=engine,
            watch=watch,
        )
    return clock.rate()


def has_pythae() -> bool:
    """Whether pythae can be imported."""
    try:
        import pythae.models  # noqa: F401
    except ImportError:
        print("pythae is not installed: its rows are left out")
        return False
    return True


def pythae_trainer(model: zs.Autoencoder, images: Tensor, batch: int, samples: int) -> float:
    """pythae's VAE and BaseTrainer on the same encoder and decoder, data as float tensors in memory."""
    from pythae.data.datasets import BaseDataset
    from pythae.models import VAE, VAEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder
    from pythae.trainers import BaseTrainer, BaseTrainerConfig
    from pythae.trainers.training_callbacks import TrainingCallback

    clock = Clock(samples)

    class Encoder(BaseEncoder):
        def __init__(self) -> None:
            super().__init__()
            self.net = model.encoder

        def forward(self, x: Tensor) -> ModelOutput:
            q = self.net(x)
            return ModelOutput(embedding=q.mean, log_covariance=q.logvar)

    class Decoder(BaseDecoder):
        def __init__(self) -> None:
            super().__init__()
            self.net = model.decoder

        def forward(self, z: Tensor) -> ModelOutput:
            return ModelOutput(reconstruction=torch.sigmoid(self.net(z)))

    class Timer(TrainingCallback):
        def on_train_step_end(self, *_: object, **__: object) -> None:
            if not clock.done:
                clock.ticks(batch)

    x = images[: samples + 3 * batch].float() / 255
    settings = VAEConfig(
        input_dim=tuple(images.shape[1:]), latent_dim=model.latent, reconstruction_loss="bce"
    )
    with tempfile.TemporaryDirectory() as folder, quiet():
        training = BaseTrainerConfig(
            output_dir=folder,
            num_epochs=1,
            per_device_train_batch_size=batch,
            learning_rate=1e-3,
            optimizer_cls="Adam",
            no_cuda=True,
        )
        trainer = BaseTrainer(
            VAE(settings, Encoder(), Decoder()),
            train_dataset=BaseDataset(x, torch.zeros(len(x))),
            training_config=training,
            callbacks=[Timer()],
        )
        trainer.train()
    return clock.rate()


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep progress bars and notes of other libraries off the terminal."""
    logging.disable(logging.INFO)
    with (
        contextlib.redirect_stderr(io.StringIO()),
        contextlib.redirect_stdout(io.StringIO()),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        yield
    logging.disable(logging.NOTSET)


class Clock:
    """Samples per CPU second between the first tick, which warms up, and the one that completes the turn."""

    def __init__(self, samples: int) -> None:
        self.samples = samples
        self.done = False
        self._seen = 0
        self._first: tuple[int, float] | None = None
        self._last = (0, 0.0)

    def ticks(self, count: int) -> bool:
        """Count some more samples; whether the turn is complete."""
        return self.at(self._seen + count)

    def at(self, seen: int) -> bool:
        """Note how many samples have been trained on; whether the turn is complete."""
        self._seen = seen
        self._last = (seen, time.process_time())
        self._first = self._first or self._last
        self.done = seen - self._first[0] >= self.samples
        return self.done

    def rate(self) -> float:
        """Samples per CPU second."""
        if self._first is None or self._last[0] == self._first[0]:
            raise RuntimeError("a turn needs at least two ticks of the clock; ask for more samples")
        return (self._last[0] - self._first[0]) / (self._last[1] - self._first[1])


if __name__ == "__main__":
    main()
