"""A fleet: the trials of one process that share a device, and step side by side.

Every launch covers all trials that have something to do; each has blocks of its own, which no
other trial's work enters, so results depend neither on the company nor on its size. A trial hands
in a run of sequences and waits; once all have, or some time has passed, whoever came last launches
everything, without waiting for the device before the end.
"""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from odyssey.engines.gpu.launcher import Launcher, Memory, eights
from odyssey.engines.gpu.round import Request, Round, Slot
from odyssey.engines.gpu.rows import grids
from odyssey.engines.gpu.sequences import Sequences, upload
from odyssey.engines.gpu.source import LOSSES, LossKernel
from odyssey.engines.training import Split
from odyssey.networks.spec import NetworkSpec, UpdateRule

FloatArray = NDArray[np.float32]
Answer = TypeVar("Answer")

#: Seconds that those who are ready wait for the others.
GRACE = 0.02


class Fleet:
    """Trials of one variant and one task on one device; their hidden sizes may differ.

    ``members`` is the number of trials that wait for one another. ``loss_kernels=False`` computes
    losses in NumPy though they have kernels.
    """

    def __init__(self, launcher: Launcher, loss_kernels: bool = True) -> None:
        self._launcher = launcher
        self._kernels = LOSSES if loss_kernels else {}
        self._condition = threading.Condition()
        self.members, self._busy = 0, False
        self._pending: list[Request] = []
        self._buffers: dict[str, Memory] = {}
        self._splits: dict[int, tuple[Split, Sequences]] = {}

    def join(self, spec: NetworkSpec, rule: UpdateRule) -> Slot:
        """Return a place for one more trial, with all parameters at zero."""

        def zeros() -> Memory:
            size = eights(4 * (1 + len(rule.state)) * spec.size)
            arrays = self._launcher.allocate(size)
            arrays.write(np.zeros(size, np.uint8))
            return arrays

        slot = Slot(spec, rule, self.alone(zeros), self._kernel(spec))
        with self._condition:
            self.members += 1
        return slot

    def leave(self) -> None:
        """Wait no longer for one of the trials."""
        with self._condition:
            self.members -= 1
            self._condition.notify_all()

    def alone(self, action: Callable[[], Answer]) -> Answer:
        """Return what an action returns that copies or allocates, while nothing is launched."""
        with self._condition:
            while self._busy:
                self._condition.wait()
            return action()

    def sequences(self, spec: NetworkSpec, split: Split) -> Sequences:
        """Return a split in device memory, copied the first time that it is asked for."""

        def found() -> Sequences:
            if id(split) not in self._splits:
                copy = upload(self._launcher.allocate, spec, self._kernel(spec), split)
                self._splits[id(split)] = split, copy  # which keeps its id from being used again
            return self._splits[id(split)][1]

        return self.alone(found)

    def single(self, spec: NetworkSpec, x: FloatArray, y: NDArray[Any]) -> Sequences:
        """Return one sequence in device memory, for once."""
        kernel = self._kernel(spec)
        return self.alone(lambda: upload(self._launcher.allocate, spec, kernel, [(x, y)]))

    def _kernel(self, spec: NetworkSpec) -> LossKernel | None:
        return self._kernels.get(spec.loss)

    def run(self, request: Request) -> Request:
        """Return the request with its losses and outputs, once the device has been at it."""
        deadline = time.monotonic() + GRACE
        with self._condition:
            self._pending.append(request)
            self._condition.notify_all()
            while not request.done:
                rest = deadline - time.monotonic()
                if not self._busy and (len(self._pending) >= self.members or rest <= 0):
                    self._lead()
                else:
                    self._condition.wait(None if self._busy else rest)
        if request.error is not None:
            raise RuntimeError(f"the GPU failed: {request.error}") from request.error
        return request

    def _lead(self) -> None:
        """Execute what is pending, with the lock open meanwhile."""
        batch, self._pending, self._busy = self._pending, [], True
        self._condition.release()
        try:
            self.execute(batch)
        except Exception as error:
            for request in batch:
                request.error = error
        finally:
            self._condition.acquire()
            self._busy = False
            for request in batch:
                request.done = True
            self._condition.notify_all()

    def execute(self, batch: list[Request]) -> None:
        """Execute a batch and wait for it, once unless the loss is in NumPy.

        Not thread-safe: use ``run``.
        """
        plan = Round(batch)
        for name, size in plan.sizes().items():
            if name not in self._buffers or self._buffers[name].size < size:
                self._buffers.pop(name, None)  # before the new one: both may not fit
                self._buffers[name] = self._launcher.allocate(size + size // 4)
        plan.fill(self._buffers)
        self._buffers["table"].write(plan.table)
        slot = batch[0].slot
        for first, extents in plan.launches():
            forward, loss, learning = grids(slot.spec, extents)
            self._launch(slot.spec, forward, first, len(extents))
            if slot.kernel:
                self._launch(slot.spec, loss, first, len(extents))
            else:
                self._launcher.synchronize()
                plan.compute_losses(first, len(extents), self._buffers)
            self._launch(slot.spec, learning, first, len(extents))
        self._launcher.synchronize()
        plan.collect(self._buffers)

    def _launch(self, spec: NetworkSpec, kernels: Mapping[str, int], first: int, rows: int) -> None:
        shape = (spec.inputs, spec.outputs, len(spec.directions))
        for kernel, blocks in kernels.items():
            self._launcher.launch(kernel, (blocks, rows), self._buffers["table"], first, *shape)
