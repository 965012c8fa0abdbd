"""The processes of a fit: devices, precision, and what passes between them."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from zscape.base import Draw, Posterior
from zscape.training.settings import Engine

if TYPE_CHECKING:
    from lightning_fabric import Fabric


class Processes:
    """One or several processes that fit one model, each on its share of every batch.

    Gradients are averaged here rather than by a data-parallel wrapper: a wrapper counts on one forward and
    one backward pass a step through every parameter, while a term may encode or decode as often as it likes
    and a critic has a loss of its own.

    Args:
        engine: Devices, nodes and precision. With several devices, launches the other processes by running
            the user's script again, as Lightning Fabric does, unless a launcher such as torchrun has done so.
    """

    def __init__(self, engine: Engine) -> None:
        # Costs two seconds, so not at module level.
        from lightning_fabric import Fabric

        several = engine.devices * engine.nodes > 1
        self._fabric: Fabric = Fabric(
            accelerator=engine.accelerator,
            devices=engine.devices,
            num_nodes=engine.nodes,
            precision="bf16-mixed" if engine.bf16 else "32-true",
            strategy="ddp" if several else "auto",
        )

    def launch(self) -> None:
        """Start the other processes and join them."""
        self._fabric.launch()

    @property
    def device(self) -> torch.device:
        """The device of this process."""
        return self._fabric.device

    @property
    def count(self) -> int:
        """Number of processes."""
        return self._fabric.world_size

    @property
    def rank(self) -> int:
        """This process's number; 0 writes the files."""
        return self._fabric.global_rank

    @property
    def first(self) -> bool:
        """Whether this is process 0."""
        return self.rank == 0

    def autocast(self) -> AbstractContextManager[None]:
        """Context in which networks run in the asked precision."""
        return self._fabric.autocast()

    def wait(self) -> None:
        """Return when every process has come here."""
        self._fabric.barrier()

    def share(self, index: Tensor) -> Tensor:
        """This process's equal share of a batch's rows."""
        return index if self.count == 1 else index.chunk(self.count)[self.rank]

    def agree(self, flag: bool) -> bool:
        """Whether the flag is up in any process."""
        if self.count == 1:
            return flag
        total = self._fabric.all_reduce(torch.tensor(float(flag), device=self.device), reduce_op="sum")
        return bool(total > 0)  # type: ignore[operator]

    def add(self, values: Tensor) -> Tensor:
        """The sum of the values over processes."""
        if self.count == 1:
            return values
        # Cloned, for the sum is written over what it is given.
        return self._fabric.all_reduce(values.clone(), reduce_op="sum")  # type: ignore[return-value]

    def mean(self, values: Tensor) -> Tensor:
        """The mean of the values over processes."""
        return self.add(values) / self.count

    def same_start(self, module: nn.Module) -> None:
        """Give every process the parameters and buffers of process 0."""
        if self.count > 1:
            module.load_state_dict(self._fabric.broadcast(module.state_dict()))

    def average_gradients(self, parameters: Iterable[Tensor]) -> None:
        """Replace each gradient by its mean over processes, in one message."""
        if self.count == 1:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        flat = self.add(flat) / self.count
        for gradient, part in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(part.view_as(gradient))

    def whole(self, draw: Draw) -> Draw:
        """The pass with labels, posterior and codes of every process, for terms that need the whole batch.

        Gradients flow back to each process's own rows and add up there, so that after `average_gradients`
        they are those of one process with the whole batch.
        """
        if self.count == 1:
            return draw
        logvar = draw.q.logvar
        q = Posterior(self._gather(draw.q.mean), None if logvar is None else self._gather(logvar))
        y = None if draw.y is None else self._gather(draw.y)
        return replace(draw, q=q, z=self._gather(draw.z), y=y)

    def _gather(self, tensor: Tensor) -> Tensor:
        gathered = self._fabric.all_gather(tensor, sync_grads=tensor.requires_grad)
        return gathered.flatten(0, 1)  # type: ignore[union-attr]
