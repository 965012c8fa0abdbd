"""The loop itself: steps, validation, checkpoints. It knows terms and critics, and no concrete one."""

from __future__ import annotations

import contextlib
import itertools
import math
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from zscape.base import Data, Draw, Likelihood, Posterior, Weighted, needs_whole_batch
from zscape.errors import RunFormatError, StoppedError
from zscape.files import whole_file, write_json
from zscape.model import Autoencoder
from zscape.run import Run
from zscape.schedules import at
from zscape.training import checkpoint
from zscape.training.guards import StopSignals, fast_products, flushed_denormals, own_random_state
from zscape.training.processes import Processes
from zscape.training.randomness import mixed, reseed
from zscape.training.settings import Adam, Engine, critics_of
from zscape.training.watching import Journal, Progress, TensorBoard, Watch

FORMAT = 1
# Streams of randomness that must not meet: noise of the codes, terms, networks, validation.
_NOISE, _TERMS, _NETWORKS, _VALIDATION = range(4)


@dataclass
class _Place:
    """Where a fit is. Everything else in it follows from this, the weights and the spec."""

    step: int = 0
    epoch: int = 0
    offset: int = 0  # batches of this epoch that are done
    best: float = math.inf
    stale: int = 0  # epochs since the best
    finished: bool = False


class _Mover:
    """One optimiser and the parameters that one loss may move."""

    def __init__(self, module: nn.Module, settings: Adam, processes: Processes) -> None:
        self.parameters = [p for p in module.parameters() if p.requires_grad]
        self.settings = settings
        self._processes = processes
        kind = torch.optim.AdamW if settings.weight_decay else torch.optim.Adam
        self.optimiser = kind(
            self.parameters,
            lr=at(settings.rate, 0),
            betas=settings.betas,
            eps=settings.epsilon,
            weight_decay=settings.weight_decay,
            fused=True,
        )

    def move(self, loss: Tensor, step: int) -> None:
        self.optimiser.zero_grad()
        # The one line that keeps losses apart: whatever a term's author forgot to detach, only these
        # parameters receive a gradient.
        loss.backward(inputs=self.parameters)
        self._processes.average_gradients(self.parameters)
        if self.settings.clip_value is not None:
            nn.utils.clip_grad_value_(self.parameters, self.settings.clip_value)
        if self.settings.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.parameters, self.settings.clip_norm)
        for group in self.optimiser.param_groups:
            group["lr"] = at(self.settings.rate, step)
        self.optimiser.step()


@dataclass
class Loop:
    """A fit under way.

    Attributes:
        model: What is trained.
        objective: Weighted terms by name.
        data: The data set.
        path: The run folder.
        spec: What was asked, as spec.json holds it.
        optimiser: How parameters move, and when to stop.
        engine: Where and how the fit is carried out.
        watch: Told at every row of the history.

    Raises:
        ValueError: If the processes cannot share a batch equally, or there is no full batch.
    """

    model: Autoencoder
    objective: dict[str, Weighted]
    data: Data
    path: Path
    spec: dict[str, Any]
    optimiser: Adam = field(kw_only=True)
    engine: Engine = field(kw_only=True)
    watch: Watch | None = field(kw_only=True)

    def __post_init__(self) -> None:
        self.processes = Processes(self.engine)
        self.seed: int = self.spec["seed"]
        self.epochs: int = self.spec["epochs"]
        train = len(self.data.splits["train"])
        self.size = min(self.spec["batch"], train - train % self.processes.count)
        if self.spec["batch"] % self.processes.count or self.size < 1:
            raise ValueError(
                f"each of {self.processes.count} processes needs an equal share of a batch, "
                f"but the batch is {self.spec['batch']} of {train} training samples"
            )
        self.steps_per_epoch = sum(1 for _ in self._epoch(0))
        if not self.steps_per_epoch:
            raise ValueError(
                f"the training split gives no full batch of {self.size}; ask for a smaller batch"
            )
        self.total = self.steps_per_epoch * self.epochs
        self.critics = critics_of(self.objective)
        self.place = _Place()
        names = ("total", *self.objective, *(f"{name}.critic" for name in self.critics))
        self.journal = Journal(self.path / "history.csv", names)

    def start(self) -> Run:
        """A new fit: nothing is written before the first pass has shown that every term can be computed.

        Raises:
            ValueError: If the folder holds something, or a term or the decoder gives what it must not.
        """
        taken = self.path.exists() and (not self.path.is_dir() or any(self.path.iterdir()))
        if self.processes.first and taken:
            raise ValueError(
                f"fit needs a new folder, but {self.path} exists; choose another name, delete it, or "
                f"continue it with zscape.resume or zscape fit --resume {self.path}"
            )
        with self._prepared():
            self._rehearse()
            if self.processes.first:
                self.path.mkdir(parents=True, exist_ok=True)
                self._save_checkpoint()
                with whole_file(self.path / "splits.npz") as temporary:
                    np.savez(temporary, **self.data.splits)  # type: ignore[arg-type]
                # Last, so that a folder with a spec can always be resumed.
                write_json(self.path / "spec.json", self.spec)
            self._train()
        return Run(self.path, self._given_model())

    def go_on(self) -> Run:
        """Continue from the checkpoint."""
        with self._prepared():
            self._load_checkpoint()
            if not self.place.finished:
                self._train()
        return Run(self.path, self._given_model())

    @property
    def _modules(self) -> tuple[nn.Module, ...]:
        """What is trained: the model, then the critics, each moved by one loss."""
        return (self.model, *self.critics.values())

    def _given_model(self) -> Autoencoder | None:
        return self.model if self.spec["model"]["net"] == "wrapped" else None

    @contextlib.contextmanager
    def _prepared(self) -> Iterator[None]:
        self.processes.launch()
        device = self.processes.device
        layout = torch.channels_last if self.engine.channels_last else torch.contiguous_format
        for module in self._modules:
            module.to(device=device, memory_format=layout)  # type: ignore[call-overload]
            self.processes.same_start(module)
        self.movers = [_Mover(module, self.optimiser, self.processes) for module in self._modules]
        flushed = flushed_denormals(self.engine.flush_denormals)
        with own_random_state(device), flushed, fast_products(device):
            yield

    def _train(self) -> None:
        place, journal = self.place, self.journal
        board = TensorBoard(self.path / "tensorboard" if self._tells and self.engine.tensorboard else None)
        saved = time.monotonic()
        journal.begin()
        with StopSignals() as signals, contextlib.closing(board):
            while not place.finished:
                self.model.train()
                for index in itertools.islice(self._epoch(place.epoch), place.offset, None):
                    journal.add(place.step, self._step(index))
                    place.step += 1
                    place.offset += 1
                    window = len(journal.pending) >= self.engine.log_every
                    if window:
                        self._tell(journal.close_window(self.size, self._columns("train")), board)
                    # Several processes must stop together, so they ask each other, but not at every step.
                    asking = self.processes.count == 1 or window
                    if asking and self.processes.agree(signals.received is not None):
                        self._stop(signals.received)
                    if time.monotonic() - saved >= self.engine.checkpoint_seconds:
                        self._save_checkpoint()
                        saved = time.monotonic()
                self._end_epoch(board)

    def _step(self, index: Tensor) -> Tensor:
        """One optimiser step; gives the values of the journal's names, on the device."""
        step = self.place.step
        draw = self._draw(index, (self.seed, step))
        raw = self._raw(draw, (self.seed, step))
        loss = self._loss(raw, step)
        self.movers[0].move(loss, step)
        own = []
        for mover, critic in zip(self.movers[1:], self.critics.values(), strict=True):
            own.append(critic.loss(draw.detach()))
            mover.move(own[-1], step)
        values = torch.stack([loss, *raw.values(), *own]).detach()
        return self.processes.add(values) / self.processes.count

    def _draw(self, index: Tensor, key: tuple[int, ...]) -> Draw:
        """Pass this process's share of a batch through the model."""
        device, processes = self.processes.device, self.processes
        x, y = self.data.batch(processes.share(index), device)
        if self.engine.channels_last and x.ndim == 4:
            x = x.to(memory_format=torch.channels_last)
        return self._pass(
            x, y, key, rows=slice(processes.rank * len(x), (processes.rank + 1) * len(x)), of=len(index)
        )

    def _pass(self, x: Tensor, y: Tensor | None, key: tuple[int, ...], *, rows: slice, of: int) -> Draw:
        device = self.processes.device
        # Noise is drawn for the whole batch, so that it does not depend on the number of processes; dropout
        # inside the networks must differ between them.
        generator = torch.Generator(device).manual_seed(mixed(*key, _NOISE))
        reseed(device, *key, _NETWORKS, self.processes.rank)
        q = self._encode(x)
        shape = (of, self.model.latent)
        noise = torch.randn(shape, generator=generator, device=device, dtype=q.mean.dtype)
        z = q.sample(noise[rows])
        decoded = self._decode(z)
        return Draw(x, y, q, z, decoded, self._encode, self._decode, self.place.step, self.total)

    def _encode(self, x: Tensor) -> Posterior:
        with self.processes.autocast():
            return self.model.encode(x)

    def _decode(self, z: Tensor) -> Likelihood:
        with self.processes.autocast():
            return self.model.decode(z)

    def _raw(self, draw: Draw, key: tuple[int, ...]) -> dict[str, Tensor]:
        """Value of every term. Each has a seed of its own, so adding a term changes no other's draws."""
        whole = None
        values = {}
        for place, (name, part) in enumerate(self.objective.items()):
            together = needs_whole_batch(part.term)
            if together and whole is None:
                whole = self.processes.whole(draw)
            rank = 0 if together else self.processes.rank
            reseed(self.processes.device, *key, _TERMS, place, rank)
            values[name] = part.term(whole if together and whole is not None else draw)
        return values

    def _loss(self, raw: dict[str, Tensor], step: int) -> Tensor:
        parts = [part.contribution(raw[name], step) for name, part in self.objective.items()]
        return torch.stack(parts).sum()

    def _end_epoch(self, board: TensorBoard) -> None:
        place, journal = self.place, self.journal
        place.epoch += 1
        place.offset = 0
        if journal.pending:
            self._tell(journal.close_window(self.size, self._columns("train")), board)
        better = True
        if len(self.data.splits.get("validation", ())):
            values = self._validate()
            loss = float(values[0])
            self._tell(journal.row(values, self._columns("validation")), board)
            better = loss < place.best
            place.best = min(loss, place.best)
        place.stale = 0 if better else place.stale + 1
        if better and self.processes.first:
            checkpoint.save_weights(self.model, self.path / "weights.safetensors")
        patience = self.optimiser.patience
        if place.epoch == self.epochs or (patience is not None and place.stale >= patience):
            self._finish()

    @torch.no_grad()
    def _validate(self) -> Tensor:
        """Mean of every value over the validation split: the same noise each epoch, weights as at the end."""
        self.model.eval()
        rows = torch.as_tensor(self.data.splits["validation"])
        batches = rows.tensor_split(max(1, math.ceil(len(rows) / self.size)))
        device, count = self.processes.device, self.processes.count
        sums = torch.zeros(1 + len(self.objective), dtype=torch.float64, device=device)
        mine = range(self.processes.rank, len(batches), count)
        for number in mine:
            x, y = self.data.batch(batches[number], device)
            key = (self.seed, _VALIDATION, number)
            draw = self._pass(x, y, key, rows=slice(None), of=len(x))
            raw = self._alone(draw, key)
            values = torch.stack([self._loss(raw, self.total), *raw.values()])
            sums += values.double() * len(x)
        missing = torch.full((len(self.critics),), math.nan, dtype=torch.float64, device=device)
        means = torch.cat([self.processes.add(sums) / len(rows), missing]).cpu()
        self.journal.need_finite(means[: len(sums)], self.place.step)
        return means

    def _alone(self, draw: Draw, key: tuple[int, ...]) -> dict[str, Tensor]:
        """Value of every term on a batch that this process has to itself."""
        values = {}
        for place, (name, part) in enumerate(self.objective.items()):
            reseed(self.processes.device, *key, _TERMS, place)
            values[name] = part.term(draw)
        return values

    def _rehearse(self) -> None:
        """Pass a few samples through model and terms, so that what cannot work fails before it begins."""
        self.model.eval()
        rows = torch.as_tensor(self.data.splits["train"][: min(self.size, 16)])
        x, y = self.data.batch(rows, self.processes.device)
        key = (self.seed, _VALIDATION)
        draw = self._pass(x, y, key, rows=slice(None), of=len(x))
        if tuple(draw.decoded.mean.shape) != tuple(x.shape):
            raise ValueError(
                f"the decoder must give data of shape {tuple(x.shape)}, but gave "
                f"{tuple(draw.decoded.mean.shape)}"
            )
        for name, value in self._alone(draw, key).items():
            if not isinstance(value, Tensor) or value.shape != ():
                raise ValueError(f"term {name!r} must give a scalar tensor, but gave {value!r:.80}")

    def _finish(self) -> None:
        self.place.finished = True
        if self.processes.first:
            checkpoint.save_weights(self.model, self.path / "last.safetensors")
        self._save_checkpoint()
        self.processes.wait()

    def _stop(self, number: int | None) -> None:
        self._save_checkpoint()
        self.processes.wait()
        raise StoppedError(
            f"stopped at step {self.place.step} of {self.total}; checkpointed. "
            f"Continue with: zscape fit --resume {self.path}",
            signal=number or 0,
        )

    def _save_checkpoint(self) -> None:
        """Write the history, then the checkpoint: rows newer than the checkpoint are dropped on resuming."""
        if not self.processes.first:
            return
        pending = self.journal.settle() if self.journal.pending else torch.empty(0)
        if self.journal.rows:
            self.journal.write()
        self.journal.elapsed()
        checkpoint.save(
            self.path / "checkpoint.ckpt",
            {
                "format": FORMAT,
                "place": asdict(self.place),
                "seconds": self.journal.seconds,
                "rows": len(self.journal.rows),
                "pending": pending,
                "modules": [module.state_dict() for module in self._modules],
                "optimisers": [mover.optimiser.state_dict() for mover in self.movers],
            },
        )

    def _load_checkpoint(self) -> None:
        state = checkpoint.load(self.path / "checkpoint.ckpt", self.processes.device)
        if state.get("format") != FORMAT:
            raise RunFormatError(f"{self.path} has checkpoint format {state.get('format')}, not {FORMAT}")
        for module, weights in zip(self._modules, state["modules"], strict=True):
            module.load_state_dict(weights)
        for mover, settings in zip(self.movers, state["optimisers"], strict=True):
            mover.optimiser.load_state_dict(settings)
        self.place = _Place(**state["place"])
        self.journal.reload(state["rows"], state["pending"], self.place.step, state["seconds"])

    def _epoch(self, epoch: int) -> Iterator[Tensor]:
        batches = self.data.batches("train", self.size, seed=self.seed, epoch=epoch)
        return (index for index in batches if len(index) == self.size)

    def _columns(self, split: str) -> dict[str, Any]:
        step = self.place.step
        weights = {f"{name}.weight": at(part.weight, step) for name, part in self.objective.items()}
        return {
            "step": step,
            "epoch": self.place.epoch,
            "split": split,
            "rate": at(self.optimiser.rate, step),
            **weights,
        }

    @property
    def _tells(self) -> bool:
        return self.processes.first

    def _tell(self, row: dict[str, Any], board: TensorBoard) -> None:
        if not self._tells:
            return
        board.write(row)
        if self.watch is None:
            return
        done = self.place.step
        rate = row.get("samples_per_second", 0.0)
        left = (self.total - done) * self.journal.seconds / max(done, 1)
        self.watch(Progress(done, self.total, row["epoch"], self.epochs, row, rate, left))
