"""A fleet: the trials of one process that share a device, and step side by side.

Every launch covers all trials that have something to do; each has blocks of its own, which no
other trial's work enters, so results depend neither on the company nor on its size. A trial hands
in a run of sequences and waits; once all have, or some time has passed, whoever came last launches
everything, without waiting for the device before the end.
"""

import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from odyssey.engines.gpu.launcher import Launcher, Memory
from odyssey.engines.gpu.round import Request, Round, Slot
from odyssey.engines.gpu.rows import flat_size, grids
from odyssey.engines.gpu.sequences import Sequences, upload
from odyssey.engines.training import Split
from odyssey.networks.spec import NetworkSpec, UpdateRule

FloatArray = NDArray[np.float32]
Answer = TypeVar("Answer")

#: Seconds that those who are ready wait for the others.
GRACE = 0.02


class Fleet:
    """Trials of one variant and one task on one device; their hidden sizes may differ.

    ``members`` is the number of trials that wait for one another.
    """

    def __init__(self, launcher: Launcher) -> None:
        self._launcher = launcher
        self._condition = threading.Condition()
        self.members, self._busy = 0, False
        self._pending: list[Request] = []
        self._buffers: dict[str, Memory] = {}
        self._splits: dict[int, tuple[Split, Sequences]] = {}

    def join(self, spec: NetworkSpec, rule: UpdateRule) -> Slot:
        """Return a place for one more trial, with all parameters at zero."""
        size = flat_size(spec.parameter_shapes())

        def zeros() -> Memory:
            arrays = self._launcher.allocate(8 * size)
            arrays.write(np.zeros(2 * size, np.float32))
            return arrays

        slot = Slot(spec, rule, self.alone(zeros), size)
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
                copy = upload(self._launcher.allocate, spec, split)
                self._splits[id(split)] = split, copy  # which keeps its id from being used again
            return self._splits[id(split)][1]

        return self.alone(found)

    def single(self, spec: NetworkSpec, x: FloatArray, y: NDArray[Any]) -> Sequences:
        """Return one sequence in device memory, for once."""
        return self.alone(lambda: upload(self._launcher.allocate, spec, [(x, y)]))

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
        """Launch all that some requests ask for and wait once; for whom nobody else waits."""
        plan = Round(batch)
        for name, size in plan.sizes().items():
            if name not in self._buffers or self._buffers[name].size < size:
                self._buffers.pop(name, None)  # before the new one: both may not fit
                self._buffers[name] = self._launcher.allocate(size + size // 4)
        plan.fill(self._buffers)
        self._buffers["table"].write(plan.table)
        spec = batch[0].slot.spec
        shape = (spec.inputs, spec.outputs, len(spec.directions))
        for first, extents in plan.launches():
            for kernel, blocks in grids(spec, extents).items():
                grid = (blocks, len(extents))
                self._launcher.launch(kernel, grid, self._buffers["table"], first, *shape)
        self._launcher.synchronize()
        plan.collect(self._buffers)
