"""A task's search space: what each of its searches draws, and what has nothing to act on there.

A search is of one variant; a hyperparameter that nothing of the variant or of its update rules has
is not drawn there, and so is no factor of its decomposition. Standard library only.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from odyssey.networks.cells import Cell, get_cell
from odyssey.study.hyperparameters import get_hyperparameter
from odyssey.study.search import Law


@dataclass(frozen=True)
class SearchSpace:
    """Name → law of a task's hyperparameters."""

    laws: Mapping[str, Law]

    @cached_property
    def optimizers(self) -> tuple[str, ...]:
        """The update rules that are searched; an empty one is left to ``nesterov``."""
        law = self.laws.get("optimizer")
        return tuple(map(str, law.extremes)) if law else ("",)

    @cached_property
    def under(self) -> dict[str, list[str]]:
        """Name → the update rules that have the hyperparameter."""
        return {
            name: [rule for rule in self.optimizers if get_hyperparameter(name).acts_under(rule)]
            for name in self.laws
        }

    @property
    def conditional(self) -> tuple[str, ...]:
        """The hyperparameters that only some of the update rules have."""
        every = len(self.optimizers)
        return tuple(name for name, rules in self.under.items() if 0 < len(rules) < every)

    def lacking(self, cell: Cell) -> tuple[str, ...]:
        """Return the hyperparameters that a variant or all update rules have nothing for."""
        return tuple(
            name
            for name, rules in self.under.items()
            if not (rules and get_hyperparameter(name).acts_on(cell))
        )

    def searched(self, cell: Cell) -> dict[str, Law]:
        """Return name → law of what the search of a variant draws."""
        lacking = self.lacking(cell)
        return {name: law for name, law in self.laws.items() if name not in lacking}


def without_factors(spaces: Iterable[SearchSpace], codes: Iterable[str]) -> list[str]:
    """Say which variants and update rules have nothing for which hyperparameters of some spaces."""
    cells: dict[str, list[str]] = {code: [] for code in codes}
    under: dict[str, list[str]] = {}
    chosen = False
    for space in spaces:
        for name, rules in space.under.items():
            row = get_hyperparameter(name)
            for code, own in cells.items():
                own += [name] * (not row.acts_on(get_cell(code)))
            for rule in space.optimizers:
                own = under.setdefault(rule or "nesterov", [])
                own += [name] * (rule not in rules and name != "nesterov")
            chosen |= name == "nesterov" and not rules
    said = ["nesterov is no factor beside optimizer, which says it: it is not drawn there"]
    return sentences(cells) + sentences(under, "under") + said * chosen


def sentences(lacking: Mapping[str, Iterable[str]], where: str = "of") -> list[str]:
    """Return a sentence for each hyperparameter that variants, or what they are ``under``, lack."""
    codes: dict[str, list[str]] = {}
    for code, names in lacking.items():
        for name in dict.fromkeys(names):
            codes.setdefault(name, []).append(code)
    return [
        f"{name} is no factor {where} {', '.join(own)}, which {'have' if own[1:] else 'has'} "
        "nothing that it acts on: it is not drawn there"
        for name, own in codes.items()
    ]
