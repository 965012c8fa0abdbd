"""One batch through the model and every term, with all randomness fixed by where in the fit it happens."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from zscape.base import Critic, Data, Draw, Likelihood, Posterior, Weighted, needs_whole_batch
from zscape.model import Autoencoder
from zscape.training.processes import Processes
from zscape.training.randomness import mixed, reseed

# Streams of randomness that must not meet: noise of the codes, networks, terms, critics, validation, data.
_NOISE, _NETWORKS, _TERMS, _CRITICS, _VALIDATION, _AUGMENTED = range(6)
# Samples that a rehearsal decodes to data, which for sequences is dear.
_FEW = 16


@dataclass(frozen=True)
class Passes:
    """Passes of batches through a model and the terms of an objective.

    Attributes:
        model: The model.
        objective: Weighted terms by name.
        data: The data set.
        processes: The processes that share each batch.
        channels_last: Whether pictures are laid out with channels last.
        seed: Of the fit.
        total: Steps of the fit.
    """

    model: Autoencoder
    objective: dict[str, Weighted]
    data: Data
    processes: Processes
    channels_last: bool
    seed: int
    total: int

    def training(self, index: Tensor, step: int) -> tuple[Draw, dict[str, Tensor]]:
        """This process's share of a training batch: the pass, and the value of every term.

        Each term has a seed of its own, so adding one changes no other's draws. A term that needs the whole
        batch draws the same in every process.
        """
        key, rank = (self.seed, step), self.processes.rank
        own = self.processes.share(index)
        x, y = self._batch(own)
        generator = torch.Generator(self.processes.device)
        shown = self.data.augmented(x, generator.manual_seed(mixed(*key, _AUGMENTED, rank)))
        share = slice(rank * len(x), (rank + 1) * len(x))
        draw = self._pass(shown, y, key, step, share=share, of=len(index))
        draw = replace(draw, rows=own if shown is x else None)
        whole = self.processes.whole(draw) if any(map(self._together, self.objective.values())) else draw
        values = {}
        for place, (name, part) in enumerate(self.objective.items()):
            together = self._together(part)
            reseed(self.processes.device, *key, _TERMS, place, 0 if together else rank)
            values[name] = part.term(whole if together else draw)
        return draw, values

    def held_out(self, index: Tensor, number: int, step: int) -> dict[str, Tensor]:
        """Value of every term on a batch that this process has to itself.

        Batch `number` has the same noise whatever the step.
        """
        key = (self.seed, _VALIDATION, number)
        x, y = self._batch(index)
        draw = self._pass(x, y, key, step, share=slice(None), of=len(x))
        return self._alone(replace(draw, rows=index), key)

    def rehearse(self, index: Tensor) -> None:
        """Pass a few samples through model and terms, so that what cannot work fails before it begins.

        Raises:
            ValueError: If the decoder gives data of another shape, or a term something else than a scalar.
        """
        key = (self.seed, _VALIDATION, 0)
        x, y = self._batch(index)
        draw = replace(self._pass(x, y, key, 0, share=slice(None), of=len(x)), rows=index)
        few = draw.z[:_FEW]
        needed, came = (len(few), *self.model.shape), tuple(self._decode(few).mean.shape)
        if needed != came:
            raise ValueError(f"the decoder must give data of shape {needed}, but gave {came}")
        for name, value in self._alone(draw, key).items():
            if not isinstance(value, Tensor) or value.shape != ():
                came = f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
                raise ValueError(f"term {name!r} must give a scalar tensor, but gave {came}")

    def loss(self, values: dict[str, Tensor], step: int) -> Tensor:
        """The weighted sum of the terms, with weights and capacities as at `step`."""
        return torch.stack(
            [part.contribution(values[name], step) for name, part in self.objective.items()]
        ).sum()

    def shared_loss(self, values: dict[str, Tensor], step: int) -> Tensor:
        """As `loss`, for values on this process's share of a batch; capacities see the whole."""
        parts = []
        for name, part in self.objective.items():
            mean = None if part.capacity is None else self.processes.mean(values[name].detach())
            parts.append(part.contribution(values[name], step, mean=mean))
        return torch.stack(parts).sum()

    def build_critics(self) -> None:
        """Have the critics make what depends on the model, the same in every process."""
        critics = [part.term for part in self.objective.values() if isinstance(part.term, Critic)]
        for place, critic in enumerate(critics):
            reseed(self.processes.device, self.seed, _CRITICS, place)
            critic.build(self.model.latent, self.model.shape)

    def seed_critic(self, place: int, step: int) -> None:
        """Seed what the own loss of the critic at `place` draws at `step`."""
        reseed(self.processes.device, self.seed, step, _CRITICS, place, self.processes.rank)

    def _alone(self, draw: Draw, key: tuple[int, ...]) -> dict[str, Tensor]:
        values = {}
        for place, (name, part) in enumerate(self.objective.items()):
            reseed(self.processes.device, *key, _TERMS, place, 0)
            values[name] = part.term(draw)
        return values

    def _batch(self, index: Tensor) -> tuple[Tensor, Tensor | None]:
        x, y = self.data.batch(index, self.processes.device)
        if self.channels_last and x.ndim == 4:
            x = x.to(memory_format=torch.channels_last)
        return x, y

    def _pass(
        self, x: Tensor, y: Tensor | None, key: tuple[int, ...], step: int, *, share: slice, of: int
    ) -> Draw:
        device = self.processes.device
        # Noise is drawn for the whole batch, so that it does not depend on the number of processes; dropout
        # inside the networks must differ between them.
        generator = torch.Generator(device).manual_seed(mixed(*key, _NOISE))
        reseed(device, *key, _NETWORKS, self.processes.rank)
        q = self._encode(x)
        shape = (of, self.model.latent)
        noise = torch.randn(shape, generator=generator, device=device, dtype=q.mean.dtype)
        z = q.sample(noise[share])
        size = len(self.data.splits["train"])
        return Draw(x, y, q, z, self._decode(z), self._encode, self._decode, step, self.total, size=size)

    def _encode(self, x: Tensor) -> Posterior:
        with self.processes.autocast():
            return self.model.encode(x)

    def _decode(self, z: Tensor) -> Likelihood:
        with self.processes.autocast():
            return self.model.decode(z)

    @staticmethod
    def _together(part: Weighted) -> bool:
        return needs_whole_batch(part.term)
