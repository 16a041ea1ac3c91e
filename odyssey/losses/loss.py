"""What a loss is: everything of a task that depends on what it minimises, in one object."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[Any]


@dataclass(frozen=True)
class Targets:
    """What the outputs of T frames are compared with.

    ``per_frame``: one row for each frame; otherwise a sequence of a length U of its own.
    ``vectors``: a row holds one number for each of the K outputs; otherwise it is one label.
    ``dtype`` is how prepared data hold them.
    """

    per_frame: bool
    vectors: bool
    dtype: str


class Loss(ABC):
    """One loss. A subclass with the five abstract methods trains on every engine.

    K is the number of outputs, ``a`` (T, K) the activations of the output layer, ``y`` the targets
    of one sequence. Losses are in nats, summed over the sequence (ASSUME: the sum, not the mean, as
    in the authors' code). ``version`` is raised when a loss of the same name computes something
    else. ``merit`` and ``unit`` name the figure of merit, lower is better. ``needs_nats`` says
    whether that figure is made of the loss itself.
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    targets: ClassVar[Targets]
    merit: ClassVar[str]
    unit: ClassVar[str]
    needs_nats: ClassVar[bool] = False

    @abstractmethod
    def value_and_gradient(self, a: "Array", y: "Array") -> tuple[float, "Array"]:
        """Return the loss and its gradient by ``a``, which is float64 and stays as it is.

        An infinite or NaN loss changes no parameter, and its gradient is not looked at.
        """

    @abstractmethod
    def errors(self, a: "Array", y: "Array", nats: float) -> float:
        """Return what one sequence adds to the figure of merit.

        ``nats`` is its loss, or NaN where ``needs_nats`` is false.
        """

    @abstractmethod
    def trivial_models(self, targets: "Array", outputs: int) -> Mapping[str, "Array"]:
        """Return model → the activations (K,) that it gives at every frame.

        ``targets`` are those of the training set, one sequence after the other.
        """

    @abstractmethod
    def draw_targets(self, generator: "np.random.Generator", frames: int, outputs: int) -> "Array":
        """Return random targets of a sequence, for tests and benchmarks."""

    def worst(self, outputs: int) -> float:
        """Return the figure that a trial counts as if it has none; infinite by default."""
        return float("inf")

    def outputs(self, labels: int) -> int:
        """Return the outputs K of a network whose targets are so many labels."""
        return labels

    def counted(self, y: "Array") -> int:
        """Return how many targets of a sequence the figure of merit is divided by."""
        return len(y)

    def figure(self, errors: float, counted: int) -> float:
        """Return the figure of merit of a set, from the sums of ``errors`` and ``counted``."""
        return errors / counted

    def check_targets(self, y: "Array", frames: int, outputs: int) -> None:
        """Raise ValueError, in one line, for targets that no network of K outputs can have."""
        rows = frames if self.targets.per_frame else len(y)
        wanted = (rows, outputs) if self.targets.vectors else (rows,)
        if y.shape != wanted:
            raise ValueError(
                f"the targets of {frames} frames must have the shape {wanted}, got {y.shape}"
            )
        self.check_values(y, outputs)

    @abstractmethod
    def check_values(self, y: "Array", outputs: int) -> None:
        """Raise ValueError for targets of the right shape that have a wrong value."""

    def refusal(self, y: "Array", frames: int) -> str:
        """Return why a sequence's loss is infinite at any weights; nothing if it isn't."""
        return ""


def check_labels(y: "Array", classes: int, gaps: bool = False) -> None:
    """Raise ValueError for labels that are no integers in 0..classes − 1, or −1 with ``gaps``."""
    import numpy as np

    if y.dtype.kind not in "iu":
        raise ValueError(f"labels must be integers, got {y.dtype}")
    wrong = np.flatnonzero((y < (-1 if gaps else 0)) | (y >= classes))
    if len(wrong):
        missing = ", or be -1 where a frame has none" if gaps else ""
        raise ValueError(
            f"labels must lie in 0..{classes - 1}{missing}, got {y[wrong[0]]} at position "
            f"{wrong[0]}"
        )
