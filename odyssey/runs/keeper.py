"""When a trial is saved: as often as that is cheap, and when something asks it to stop."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from odyssey.engines.training import TrainingState
from odyssey.runs import stopping
from odyssey.runs.observer import Observer
from odyssey.storage.lease import Lease
from odyssey.study.trials import TrialSpec


@dataclass(frozen=True)
class Saving:
    """How often a trial is saved: at epoch ends, and within an epoch after ``minutes``.

    Checkpoints may cost ``share`` of the time by ``clock``, in seconds, unless the trial stops.
    """

    minutes: float = 5.0
    share: float = 0.005
    clock: Callable[[], float] = time.perf_counter


USUAL = Saving()


class Keeper:
    """Called after every run and every epoch: keeps the lease, saves the trial, stops it."""

    def __init__(
        self,
        spec: TrialSpec,
        save: Callable[[], None],
        lease: Lease,
        saving: Saving,
        observers: Iterable[Observer],
    ) -> None:
        self._spec, self._save, self._lease, self._saving = spec, save, lease, saving
        self._observers = tuple(observers)
        self._began = saving.clock()
        self._when, self._cost, self._spent = self._began, 0.0, 0.0  # of the last save; of all
        self._saved = (0, 0)  # the step whose state is in the file

    def found(self, state: TrainingState) -> None:
        """Note that the file holds this state."""
        self._saved = _step(state)

    def __call__(self, state: TrainingState, epoch_ended: bool, is_over: bool) -> None:
        """Save where it is due; raise ``stopping.Stopped`` if something asks for it.

        A trial that ``is_over`` is written as a result: it is neither saved nor stopped.
        """
        for observer in self._observers:
            observer.ran(self._spec, state)
        began = self._saving.clock()
        self._lease.renew()
        if is_over:
            return
        asked = self._asked()
        try:
            if (asked or self._is_due(epoch_ended)) and self._saved != _step(state):
                self._save_now(state)
        finally:
            for observer in self._observers:
                observer.looked(self._spec, self._saving.clock() - began)
        if asked:
            raise stopping.Stopped(f"{self._spec}: saved and stopped on {asked}")

    def _asked(self) -> str:
        asked = (observer.asks_to_stop() for observer in self._observers)
        return stopping.requested() or next(filter(None, asked), "")

    def _save_now(self, state: TrainingState) -> None:
        began = self._saving.clock()
        self._save()
        self._saved, self._when = _step(state), self._saving.clock()
        self._cost = self._when - began
        self._spent += self._cost
        for observer in self._observers:
            observer.saved(self._spec, self._cost)

    def _is_due(self, epoch_ended: bool) -> bool:
        now = self._saving.clock()
        affordable = self._spent + self._cost <= self._saving.share * (now - self._began)
        return affordable and (epoch_ended or now - self._when >= 60 * self._saving.minutes)


def _step(state: TrainingState) -> tuple[int, int]:
    return len(state.epochs), state.position
