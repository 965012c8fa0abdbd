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

from zscape.arithmetic import fast_products, flushed_denormals
from zscape.base import Data, Weighted
from zscape.errors import DivergedError, RunFormatError, StoppedError
from zscape.files import remove_leftovers, whole_file, write_json
from zscape.model import Autoencoder
from zscape.run import Run
from zscape.schedules import at
from zscape.training import checkpoint
from zscape.training.guards import CountedProducts, StopSignals, fitting_threads, own_random_state
from zscape.training.passes import Passes
from zscape.training.processes import Processes
from zscape.training.settings import Adam, Engine, critics_of, memories_of
from zscape.training.watching import Journal, Progress, TensorBoard, Watch

FORMAT = 1


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

    def __init__(self, parameters: list[nn.Parameter], settings: Adam, processes: Processes) -> None:
        self.parameters = parameters
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
        self.memories = memories_of(self.objective)
        self.place = _Place()
        self.passes = Passes(
            self.model,
            self.objective,
            self.data,
            self.processes,
            channels_last=self.engine.channels_last,
            seed=self.seed,
            total=self.total,
        )
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
            operations = self._rehearsed()
            if len(self.data.splits.get("validation", ())):
                self.passes.rehearse(self._validation_batches()[-1])
            if self.processes.first:
                self.path.mkdir(parents=True, exist_ok=True)
                self._save_checkpoint()
                with whole_file(self.path / "splits.npz") as temporary:
                    np.savez(temporary, **self.data.splits)  # type: ignore[arg-type]
                # Last, so that a folder with a spec can always be resumed.
                write_json(self.path / "spec.json", self.spec)
            with fitting_threads(operations):
                self._train()
        return Run(self.path, self._given_model())

    def go_on(self) -> Run:
        """Continue from the checkpoint."""
        with self._prepared():
            if self.processes.first:
                remove_leftovers(self.path)
            self._load_checkpoint()
            if not self.place.finished:
                with fitting_threads(self._rehearsed()):
                    self._train()
        return Run(self.path, self._given_model())

    @property
    def _modules(self) -> tuple[nn.Module, ...]:
        """What has a state: the model and the critics, each moved by one loss, then terms with a memory."""
        return (self.model, *self.critics.values(), *self.memories.values())

    def _groups(self) -> Iterator[list[nn.Parameter]]:
        """Parameters that each loss may move; what a critic shares with the model belongs to the model."""
        taken: set[int] = set()
        for module in (self.model, *self.critics.values()):
            group = [p for p in module.parameters() if p.requires_grad and id(p) not in taken]
            taken.update(map(id, group))
            yield group

    def _given_model(self) -> Autoencoder | None:
        return self.model if self.spec["model"]["net"] == "wrapped" else None

    @contextlib.contextmanager
    def _prepared(self) -> Iterator[None]:
        self.processes.launch()
        device = self.processes.device
        with own_random_state(device):
            self.passes.build_critics()
        layout = torch.channels_last if self.engine.channels_last else torch.contiguous_format
        for module in self._modules:
            module.to(device=device, memory_format=layout)  # type: ignore[call-overload]
            self.processes.same_start(module)
        self.movers = [_Mover(group, self.optimiser, self.processes) for group in self._groups()]
        flushed = flushed_denormals(self.engine.flush_denormals)
        with own_random_state(device), flushed, fast_products(device):
            yield

    def _rehearsed(self) -> float:
        """Pass a few samples through everything; gives about how many operations a step of a process has."""
        self._set_mode(training=False)
        rows = torch.as_tensor(self.data.splits["train"][: min(self.size, 16)])
        with CountedProducts() as counted:
            self.passes.rehearse(rows)
        # The way back has twice as many products as the way there.
        return 3 * counted.operations * self.size / self.processes.count / len(rows)

    def _train(self) -> None:
        place, journal = self.place, self.journal
        told = self.processes.first and self.engine.tensorboard
        board = TensorBoard(self.path / "tensorboard" if told else None, after=place.step)
        saved = time.monotonic()
        journal.begin()
        with StopSignals() as signals, contextlib.closing(board), self._history_kept():
            while not place.finished:
                self._set_mode(training=True)
                for index in itertools.islice(self._epoch(place.epoch), place.offset, None):
                    journal.add(place.step, self._step(index))
                    place.step += 1
                    place.offset += 1
                    full = len(journal.pending) >= self.engine.log_every
                    if full:
                        self._close_window(board)
                    # Several processes must stop together, so they ask each other, but not at every step.
                    if full or self.processes.count == 1:
                        self._heed(signals)
                    if time.monotonic() - saved >= self.engine.checkpoint_seconds:
                        self._save_checkpoint()
                        saved = time.monotonic()
                self._end_epoch(board)
                if not place.finished:
                    self._heed(signals)

    @contextlib.contextmanager
    def _history_kept(self) -> Iterator[None]:
        """Write the rows there are before an error leaves the loop: they show how it came to it."""
        try:
            yield
        finally:
            if self.processes.first and self.journal.rows:
                self.journal.write()

    def _step(self, index: Tensor) -> Tensor:
        """One optimiser step; gives the values of the journal's names, on the device."""
        step = self.place.step
        draw, raw = self.passes.training(index, step)
        loss = self.passes.shared_loss(raw, step)
        self.movers[0].move(loss, step)
        own = []
        for place, (mover, critic) in enumerate(zip(self.movers[1:], self.critics.values(), strict=True)):
            self.passes.seed_critic(place, step)
            own.append(critic.loss(draw.detach()))
            mover.move(own[-1], step)
        return self.processes.mean(torch.stack([loss, *raw.values(), *own]).detach())

    def _end_epoch(self, board: TensorBoard) -> None:
        place, journal = self.place, self.journal
        place.epoch += 1
        place.offset = 0
        if journal.pending:
            self._close_window(board)
        better = True
        if len(self.data.splits.get("validation", ())):
            values = self._validate()
            loss = float(values[0])
            self._tell(journal.row(values, self._columns("validation", self.total - 1)), board)
            better = loss < place.best
            place.best = min(loss, place.best)
        place.stale = 0 if better else place.stale + 1
        self._need_finite_weights()
        if better and self.processes.first:
            checkpoint.save_weights(self.model, self.path / "weights.safetensors")
        patience = self.optimiser.patience
        if place.epoch >= self.epochs or (patience is not None and place.stale >= patience):
            self._finish()

    @torch.no_grad()
    def _validate(self) -> Tensor:
        """Mean of every value over the validation split: the same noise each epoch, weights as at the end."""
        self._set_mode(training=False)
        batches = self._validation_batches()
        sums = torch.zeros(1 + len(self.objective), dtype=torch.float64, device=self.processes.device)
        for number in range(self.processes.rank, len(batches), self.processes.count):
            raw = self.passes.held_out(batches[number], number, self.place.step)
            values = torch.stack([self.passes.loss(raw, self.total - 1), *raw.values()])
            sums += values.double() * len(batches[number])
        means = (self.processes.add(sums) / len(self.data.splits["validation"])).cpu()
        self.journal.need_finite(means, self.place.step)
        return means

    def _validation_batches(self) -> tuple[Tensor, ...]:
        """Rows of the validation split in batches of nearly one size, the smallest last.

        They are in the order that the data gives them in as one batch, which for sequences is that of their
        lengths, so that little is padded.
        """
        count = len(self.data.splits["validation"])
        (rows,) = self.data.batches("validation", count, seed=self.seed, epoch=0)
        return rows.tensor_split(math.ceil(count / self.size))

    def _need_finite_weights(self) -> None:
        """Never keep weights that are not finite: a loss can be finite at the step whose gradient is not."""
        for module in self._modules:
            for name, parameter in module.named_parameters():
                if not bool(torch.isfinite(parameter).all()):
                    raise DivergedError(
                        f"the weights {name} are not finite after step {self.place.step - 1}: the fit has "
                        "diverged and was stopped; lower optimiser.rate or set optimiser.clip_norm"
                    )

    def _set_mode(self, *, training: bool) -> None:
        for module in self._modules:
            module.train(training)

    def _finish(self) -> None:
        self.place.finished = True
        if self.processes.first:
            checkpoint.save_weights(self.model, self.path / "last.safetensors")
        self._save_checkpoint()
        self.processes.wait()

    def _heed(self, signals: StopSignals) -> None:
        """Checkpoint and stop if any process has been told to."""
        if not self.processes.agree(signals.received is not None):
            return
        self._save_checkpoint()
        self.processes.wait()
        raise StoppedError(
            f"stopped at step {self.place.step} of {self.total}; checkpointed. "
            f"Continue with zscape.resume or: zscape fit --resume {self.path}",
            signal=signals.received or 0,
        )

    def _save_checkpoint(self) -> None:
        """Write the history, then the checkpoint: rows newer than the checkpoint are dropped on resuming."""
        if not self.processes.first:
            return
        # Raised in all processes together when the window closes; one alone would leave the others waiting.
        if self.processes.count > 1 and not self.journal.is_finite():
            return
        self._need_finite_weights()
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

    def _columns(self, split: str, weighed_at: int) -> dict[str, Any]:
        """The columns of a row that are not measured; weights are those at step `weighed_at`."""
        return {
            "step": self.place.step,
            "epoch": self.place.epoch,
            "split": split,
            "rate": at(self.optimiser.rate, self.place.step - 1),
            **{f"{name}.weight": at(part.weight, weighed_at) for name, part in self.objective.items()},
        }

    def _close_window(self, board: TensorBoard) -> None:
        columns = self._columns("train", self.place.step - 1)
        self._tell(self.journal.close_window(self.size, columns), board)

    def _tell(self, row: dict[str, Any], board: TensorBoard) -> None:
        if not self.processes.first:
            return
        board.write(row)
        if self.watch is None:
            return
        done = self.place.step
        rate = row.get("samples_per_second", 0.0)
        left = (self.total - done) * self.journal.seconds / max(done, 1)
        self.watch(Progress(done, self.total, row["epoch"], self.epochs, row, rate, left))
