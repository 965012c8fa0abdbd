"""Drawings: training throughput and held-out likelihood beside a sketch-rnn from the book, and generation.

    ZSCAPE_DATA=... python bench/sketches.py [speed quality draw] [--batches 32 100] [--steps 2000] [--seed 0]

One thread, CPU seconds, contestants interleaved; only ratios within one run mean anything. Both train
encoder 256 in two directions, decoder 512, 128 latents, 20 mixtures on Quick, Draw! cats of at most 199
points. The sketch-rnn is written from its definition, as people run it: every drawing padded to 200 rows,
which the encoder reads too, and torch's own LSTM and Adam. `quality` trains both for `--steps` on the same
batches with the same weights of the same two losses, and judges each on the test split at the step that the
validation split chooses; `draw` compares one call for many drawings with one call for each. `speed` of both
batches takes some five minutes, `quality` of 2,000 steps at batch 32 forty.
"""

import argparse
import contextlib
import math
import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

import zscape as zs
from zscape.arithmetic import fast_products, flushed_denormals
from zscape.data import Strokes
from zscape.model import draw

PARTS = ("speed", "quality", "draw")
ROWS, LATENT, ENCODER, DECODER, MIXTURES = 200, 128, 256, 512, 20
RATE, CLIP = 1e-3, 1.0
# Weight of KL in nats against nats of the drawing: 0.5 a latent against 1 a row, from a hundredth of it on.
KL_WEIGHT, KL_DECAY, KL_FLOOR = 0.5 * ROWS / LATENT, 0.99995, 0.2 * LATENT
CPU = torch.device("cpu")
BOOK, FLUSHED, OURS, HALF = (
    "sketch-rnn, padded to 200",
    "the same, denormals flushed",
    "zscape",
    "zscape, bf16",
)


class SketchRNN(nn.Module):
    """Sketch-rnn from its definition: everything is read and drawn to 200 rows.

    References:
        Ha and Eck, A Neural Representation of Sketch Drawings, ICLR 2018.
    """

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.LSTM(5, ENCODER, batch_first=True, bidirectional=True)
        self.mean, self.logvar = nn.Linear(2 * ENCODER, LATENT), nn.Linear(2 * ENCODER, LATENT)
        self.start = nn.Linear(LATENT, 2 * DECODER)
        self.decoder = nn.LSTM(5 + LATENT, DECODER, batch_first=True)
        self.output = nn.Linear(DECODER, 6 * MIXTURES + 3)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Means and log variances of codes."""
        _, (last, _) = self.encoder(x)
        state = torch.cat([last[0], last[1]], dim=1)
        return self.mean(state), self.logvar(state)

    def nats(self, x: Tensor, z: Tensor) -> Tensor:
        """Negative log-likelihood of each drawing, (B,): offsets and pen of its points, pen of its end."""
        first = x.new_zeros(len(x), 1, 5)
        first[..., 2] = 1
        before = torch.cat([first, x[:, :-1]], dim=1)
        h, c = torch.tanh(self.start(z)).chunk(2, dim=1)
        beside = z[:, None].expand(-1, x.shape[1], -1)
        states, _ = self.decoder(
            torch.cat([before, beside], dim=2), (h[None].contiguous(), c[None].contiguous())
        )
        output = self.output(states)
        weights, across, down, wide, high, slant = output[..., :-3].chunk(6, dim=2)
        slant = torch.tanh(slant)
        u = (x[..., 0:1] - across) / torch.exp(wide)
        v = (x[..., 1:2] - down) / torch.exp(high)
        free = 1 - slant**2
        normal = -(u**2 + v**2 - 2 * slant * u * v) / (2 * free)
        normal = normal - wide - high - 0.5 * torch.log(free) - math.log(2 * math.pi)
        offsets = torch.logsumexp(torch.log_softmax(weights, 2) + normal, 2)
        pens = (torch.log_softmax(output[..., -3:], 2) * x[..., 2:]).sum(2)
        points = x[..., 4] == 0
        drawn = torch.cat([torch.ones_like(points[:, :1]), points[:, :-1]], dim=1)
        return -(offsets * points + pens * drawn).sum(1)


class Contestant:
    """A model and its optimiser, and how it takes a step and is judged."""

    def __init__(
        self, data: Strokes, *, book: bool, half: bool = False, flush: bool = True, seed: int = 0
    ) -> None:
        torch.manual_seed(seed)
        self.data, self.half, self.flush = data, half, flush
        self.model: nn.Module = SketchRNN() if book else zs.Autoencoder.lstm(data.shape, latent=LATENT)
        self.optimiser = torch.optim.Adam(self.model.parameters(), lr=RATE, fused=None if book else True)

    def batch(self, index: Tensor) -> Tensor:
        """Drawings of those rows, to 200 rows each from the book."""
        x, _ = self.data.batch(index, CPU)
        if isinstance(self.model, zs.Autoencoder):
            return x
        padded = x.new_zeros(len(x), ROWS, 5)
        padded[..., 4] = 1
        padded[:, : x.shape[1]] = x
        return padded

    def parts(self, index: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Nats of the drawings and of their codes, means over the batch."""
        x = self.batch(index)
        if isinstance(self.model, zs.Autoencoder):
            with torch.autocast("cpu", torch.bfloat16, enabled=self.half):
                q = self.model.encode(x)
                mean, logvar = q.mean, q.logvar
                decoded = self.model.decode(q.sample(noise))
            nats = -decoded.log_prob(x)
        else:
            mean, logvar = self.model.encode(x)
            nats = self.model.nats(x, mean + torch.exp(0.5 * logvar) * noise)
        kl = 0.5 * (mean**2 + torch.exp(logvar) - 1 - logvar).sum(1)
        return nats.mean(), kl.mean()

    def step(self, index: Tensor, number: int) -> None:
        """One step of training."""
        noise = torch.randn((len(index), LATENT), generator=torch.Generator().manual_seed(number))
        with self.settings():
            nats, kl = self.parts(index, noise)
            weight = KL_WEIGHT * (1 - 0.99 * KL_DECAY**number)
            self.optimiser.zero_grad()
            # The clip is of the loss that the book divides by the rows.
            ((nats + weight * kl.clamp(min=KL_FLOOR)) / ROWS).backward()
            nn.utils.clip_grad_value_(self.model.parameters(), CLIP)
            self.optimiser.step()

    @torch.no_grad()
    def held_out(self, split: str) -> tuple[float, float]:
        """Nats of held-out drawings at codes drawn from their posteriors, and of these codes."""
        rows = self.data.splits[split]
        sums, generator = torch.zeros(2), torch.Generator().manual_seed(0)
        with self.settings():
            for index in self.data.batches(split, 100, seed=0, epoch=0):
                noise = torch.randn((len(index), LATENT), generator=generator)
                sums += len(index) * torch.stack(self.parts(index, noise))
        nats, kl = (sums / len(rows)).tolist()
        return nats, kl

    @contextlib.contextmanager
    def settings(self) -> Iterator[None]:
        """What a fit of zscape sets for its own time; the book sets nothing but, if asked, the flushing."""
        ours = isinstance(self.model, zs.Autoencoder)
        with flushed_denormals(self.flush), fast_products(CPU) if ours else contextlib.nullcontext():
            yield


def main() -> None:
    """Run the parts that were asked for and print their tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; all if none is given")
    parser.add_argument("--batches", type=int, nargs="+", default=[32, 100])
    parser.add_argument("--rounds", type=int, default=5, help="batches of the book; an epoch of ours")
    parser.add_argument("--steps", type=int, default=2000, help="that quality trains for")
    parser.add_argument("--every", type=int, default=250, help="steps from one judgement to the next")
    parser.add_argument("--seed", type=int, default=0, help="of quality")
    parser.add_argument("--count", type=int, default=1000, help="drawings of draw")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"no part is called {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    torch.set_num_threads(1)
    data = zs.data.load("quickdraw:cat", limit=ROWS - 1)
    for part in options.parts or PARTS:
        if part == "speed":
            for size in options.batches:
                speed(data, size, options.rounds)
        elif part == "quality":
            quality(data, options.batches[0], options.steps, options.every, options.seed)
        else:
            generation(data, options.count)


def speed(data: Strokes, size: int, rounds: int) -> None:
    """CPU seconds a training step: a whole epoch of ours, between whose batches the book has its own."""
    entrants = {
        BOOK: Contestant(data, book=True, flush=False),
        FLUSHED: Contestant(data, book=True),
        OURS: Contestant(data, book=False),
        HALF: Contestant(data, book=False, half=True),
    }
    batches = [index for index in data.batches("train", size, seed=0, epoch=0) if len(index) == size]
    for number, index in enumerate(batches[:2]):
        for entrant in entrants.values():
            entrant.step(index, number)
    seconds: dict[str, list[float]] = {name: [] for name in entrants}
    every = max(1, len(batches) // rounds)
    for number, index in enumerate(batches):
        for name, entrant in entrants.items():
            if name in (OURS, HALF) or number % every == 0:
                seconds[name].append(timed(partial(entrant.step, index, number)))
    # Ours in full, as its batches differ in length; of the book every batch is alike.
    means = {
        name: statistics.mean(values) if name in (OURS, HALF) else statistics.median(values)
        for name, values in seconds.items()
    }
    print(f"\nTraining, batch {size}, drawings of {lengths(data)} points")
    print("| contestant | CPU s a step (least to most) | drawings/s | to the book | to it flushed |")
    print("|---|---|---|---|---|")
    for name, mean in means.items():
        print(
            f"| {name} | {mean:.3f} ({min(seconds[name]):.3f} to {max(seconds[name]):.3f}) "
            f"| {size / mean:,.0f} | {means[BOOK] / mean:.2f} | {means[FLUSHED] / mean:.2f} |",
            flush=True,
        )


def quality(data: Strokes, size: int, steps: int, every: int, seed: int) -> None:
    """Held-out nats a drawing, at the step that validation chooses, after equal steps on equal batches."""
    entrants = {name: Contestant(data, book=name == BOOK, seed=seed) for name in (BOOK, OURS)}
    judged: dict[str, list[tuple[float, int, float, float, float]]] = {name: [] for name in entrants}
    seconds = dict.fromkeys(entrants, 0.0)
    print(f"\nNats a held-out drawing, batch {size}, seed {seed}, each step of both on the same drawings")
    print(
        f"| steps | {' | '.join(f'{name}: validation bound | test: drawing | code' for name in entrants)} |"
    )
    print(f"|---|{'---|---|---|' * len(entrants)}")
    for number, index in enumerate(forever(data, size, seed)):
        if number and (number % every == 0 or number == steps):
            for name, entrant in entrants.items():
                bound, test = sum(entrant.held_out("validation")), entrant.held_out("test")
                judged[name].append((bound, number, *test, seconds[name]))
            latest = (values[-1] for values in judged.values())
            cells = (f"{bound:.2f} | {nats:.2f} | {kl:.2f}" for bound, _, nats, kl, _ in latest)
            print(f"| {number} | {' | '.join(cells)} |", flush=True)
        if number == steps:
            break
        for name, entrant in entrants.items():
            seconds[name] += timed(partial(entrant.step, index, number))
    for name, values in judged.items():
        bound, number, nats, kl, spent = min(values)
        print(
            f"{name}: best of validation at {number} steps ({spent:.0f} CPU s): test {nats:.2f} nats a "
            f"drawing, {kl:.2f} nats a code, bound {nats + kl:.2f}"
        )


def generation(data: Strokes, count: int) -> None:
    """Drawings a second, all in one call and one a call, by a decoder whose drawings are as long as cats."""
    torch.manual_seed(0)
    model, book = zs.Autoencoder.lstm(data.shape, latent=LATENT), SketchRNN()
    mean = data.batch(torch.as_tensor(data.splits["train"]), CPU)[0][..., 4].eq(0).sum(1).double().mean()
    with torch.no_grad():
        # Down and lift have log odds near 0 before any training; the end then comes once in a drawing.
        for head in (model.decoder.head, book.output):
            head.weight[-3:] = 0
            head.bias[-3:] = torch.tensor([0.0, 0.0, math.log(2 / float(mean))])
    z = np.random.default_rng(0).standard_normal((count, LATENT))
    few = z[: max(1, count // 25)]
    draw(model, few, temperature=1.0)
    ways: dict[str, tuple[int, Callable[[], object]]] = {
        "one call": (count, lambda: draw(model, z, temperature=1.0, batch=count)),
        "a call each": (
            len(few),
            lambda: [draw(model, z[[n]], temperature=1.0, seed=n) for n in range(len(few))],
        ),
        "from the book, one at a time": (len(few), lambda: [one(book, z[n], n) for n in range(len(few))]),
    }
    rates = {name: [number / timed(run) for _ in range(3)] for name, (number, run) in ways.items()}
    print(f"\nGeneration, {count:,} drawings of {float(mean):.0f} points on average, temperature 1")
    print("| contestant | drawings/s (median of 3, least to most) | to a call each | to the book |")
    print("|---|---|---|---|")
    for name, values in rates.items():
        each, others = (
            statistics.median(values) / statistics.median(rates[other])
            for other in ("a call each", "from the book, one at a time")
        )
        print(
            f"| {name} | {statistics.median(values):,.1f} ({min(values):,.1f} to {max(values):,.1f}) "
            f"| {each:.1f} | {others:.1f} |",
            flush=True,
        )


@torch.no_grad()
def one(model: SketchRNN, z: np.ndarray, seed: int) -> list[np.ndarray]:
    """One drawing as the public codes draw it: torch's LSTM a step at a time, numpy's random numbers."""
    random, code = np.random.default_rng(seed), torch.as_tensor(z[None, None], dtype=torch.float32)
    h, c = torch.tanh(model.start(code)).chunk(2, dim=2)
    state = (h.contiguous(), c.contiguous())
    row, rows = torch.tensor([[[0.0, 0, 1, 0, 0]]]), []
    for _ in range(ROWS - 1):
        states, state = model.decoder(torch.cat([row, code], dim=2), state)
        output = model.output(states)[0, 0].double()
        weights, across, down, wide, high, slant = output[:-3].chunk(6)
        m = random.choice(MIXTURES, p=torch.softmax(weights, 0).numpy())
        cross = float(torch.tanh(slant[m]) * torch.exp(wide[m] + high[m]))
        spread = [[math.exp(2 * wide[m]), cross], [cross, math.exp(2 * high[m])]]
        point = random.multivariate_normal([float(across[m]), float(down[m])], spread)
        pen = np.eye(3)[random.choice(3, p=torch.softmax(output[-3:], 0).numpy())]
        if pen[2]:
            break
        rows.append(np.concatenate([point, pen]))
        row = torch.as_tensor(rows[-1][None, None], dtype=torch.float32)
    return rows


def forever(data: Strokes, size: int, seed: int) -> Iterator[Tensor]:
    """Full batches of one epoch after the other."""
    epoch = 0
    while True:
        for index in data.batches("train", size, seed=seed, epoch=epoch):
            if len(index) == size:
                yield index
        epoch += 1


def lengths(data: Strokes) -> str:
    """Least, mean and most points."""
    points = np.array([len(sketch) for sketch in data.sketches(data.splits["train"])])
    return f"{points.min()} to {points.max()} (mean {points.mean():.0f})"


def timed(run: Callable[[], object]) -> float:
    """CPU seconds that a call takes."""
    begun = time.process_time()
    run()
    return time.process_time() - begun


if __name__ == "__main__":
    main()
