"""A training step with the perceptual term beside one with pixels: what features cost, and what saves some.

One thread, CPU seconds, contestants interleaved, medians of rounds; only ratios within one run mean anything.

    ZSCAPE_DATA=... python bench/perceptual.py [--rounds 3] [--batch 32] [--batches 2]

Needs dSprites (20,000 sprites) and the networks in the data folder. Every contestant trains the same
convolutional network on the same 64x64 batches with Bernoulli pixels and KL, or with features of VGG19 or
SqueezeNet in place of the pixels; a step is forward, backward and Adam. "Kept" has seen every batch before.
"""

import argparse
import functools
import logging
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor

import zscape as zs
from zscape import recipes
from zscape.base import Draw, Objective
from zscape.terms import Perceptual
from zscape.training.settings import weighted

Step = Callable[[Tensor, Tensor], None]  # one optimiser step on rows and their pictures


def main() -> None:
    """Time every contestant once a round, and print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--batches", type=int, default=2, help="steps of each turn")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    logging.getLogger("zscape").setLevel(logging.ERROR)
    data = zs.data.load("dsprites-subset")
    rows = torch.arange(options.batches * options.batch).split(options.batch)
    batches = [(index, data.batch(index, "cpu")[0]) for index in rows]
    entrants = contestants()
    seconds: dict[str, list[float]] = {name: [] for name in entrants}
    for step in entrants.values():
        # Also fills what is kept.
        for batch in batches:
            step(*batch)
    for _ in range(options.rounds):
        for name, step in entrants.items():
            start = time.process_time()
            for batch in batches:
                step(*batch)
            seconds[name].append((time.process_time() - start) / len(batches))
    base = statistics.median(seconds["pixels"])
    print(
        f"conv 64x64x1, latent 10, batch {options.batch}, medians of {options.rounds} rounds (least to most)"
    )
    print("| contestant | seconds a step | to pixels |\n|---|---|---|")
    for name, each in seconds.items():
        middle = statistics.median(each)
        print(f"| {name} | {middle:.3f} ({min(each):.3f} to {max(each):.3f}) | {middle / base:.1f} |")


def contestants() -> dict[str, Step]:
    """Steps with pixels, and with each network in every way of running it."""
    entrants = {"pixels": stepper(recipes.vae())}
    for network in ("vgg19", "squeezenet"):
        make = functools.partial(recipes.perceptual_vae, network)
        plain = make(budget_gib=0.0)
        unordered(weighted(plain)["perceptual"].term)
        entrants |= {
            f"{network}, channels first": stepper(plain),
            f"{network}": stepper(make(budget_gib=0.0)),
            f"{network}, kept": stepper(make(budget_gib=4.0)),
            f"{network}, bf16": stepper(make(budget_gib=0.0, bf16=True)),
            f"{network}, bf16, kept": stepper(make(budget_gib=4.0, bf16=True)),
        }
    return entrants


def unordered(term: Perceptual) -> None:
    """The network's weights as they come from a file, with channels first."""
    term.reader.network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload] (it is one)


def stepper(objective: Objective) -> Step:
    """An optimiser step of a fresh model."""
    torch.manual_seed(0)
    model = zs.Autoencoder.conv((1, 64, 64), latent=10)
    optimiser = torch.optim.Adam(model.parameters(), fused=True)
    # The recipe's pixels have weight 0: they are logged, and nothing here needs them.
    terms = [(part.weight, part.term) for part in weighted(objective).values() if part.weight]

    def step(rows: Tensor, x: Tensor) -> None:
        q = model.encode(x)
        z = q.sample(torch.randn_like(q.mean))
        draw = Draw(x, None, q, z, model.decode(z), model.encode, model.decode, step=0, total=1, rows=rows)
        optimiser.zero_grad()
        torch.stack([weight * term(draw) for weight, term in terms]).sum().backward()
        optimiser.step()

    return step


if __name__ == "__main__":
    main()
