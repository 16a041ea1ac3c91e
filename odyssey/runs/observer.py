"""Who watches trials: what a run is given as a parameter, and what extensions register.

An observer changes no result. It can look, take notes, take time and ask a trial to stop.
"""

from typing import TYPE_CHECKING

from odyssey.registry import Registry

if TYPE_CHECKING:
    from odyssey.engines.training import TrainingState
    from odyssey.study.trials import TrialSpec


class Observer:
    """Watches trials and does nothing; a subclass has the methods that it needs."""

    def ran(self, spec: "TrialSpec", state: "TrainingState") -> None:
        """Look on after every run of sequences, before the trial may be saved."""

    def looked(self, spec: "TrialSpec", seconds: float) -> None:
        """Note what it took, after every run, to see whether to save, and to save."""

    def saved(self, spec: "TrialSpec", seconds: float) -> None:
        """Note that a checkpoint was written, and how long it took."""

    def asks_to_stop(self) -> str:
        """Return what asks the trial to save and stop; empty if nothing does."""
        return ""


#: Observers of all trials of this process.
OBSERVERS: Registry[Observer] = Registry("observer")


def register(name: str, observer: Observer) -> Observer:
    """Let an observer watch all trials of this process. Raises ValueError for a taken name."""
    return OBSERVERS.add(name, observer)
