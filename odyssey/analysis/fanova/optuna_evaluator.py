"""Our shares for ``optuna.importance.get_param_importances`` and Optuna's plots.

from odyssey.analysis.fanova.optuna_evaluator import OdysseyImportanceEvaluator
optuna.importance.get_param_importances(study, evaluator=OdysseyImportanceEvaluator())
"""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import optuna
import pandas as pd
from optuna.importance._base import (
    BaseImportanceEvaluator,
    _get_distributions,
    _get_filtered_trials,
    _sort_dict_by_importance,
)

from odyssey.analysis.fanova.forest import Setting
from odyssey.analysis.fanova.functional_anova import MIN_TRIALS, FunctionalANOVA
from odyssey.analysis.fanova.optuna_trials import law_of


class OdysseyImportanceEvaluator(BaseImportanceEvaluator):
    """Main effects, exact, in the coordinates of the study's distributions.

    Those are logarithmic where the distributions are. ``reading`` is "mean_forest", the share of
    the mean of all trees, or "fraction", the mean over trees as in Optuna's own fANOVA.
    ``n_trees``, ``seed`` and ``n_jobs`` are as in Optuna, ``setting`` as in ``FunctionalANOVA``.
    """

    def __init__(
        self,
        *,
        n_trees: int = 64,
        setting: Setting = "accurate",
        reading: Literal["mean_forest", "fraction"] = "mean_forest",
        seed: int | None = None,
        n_jobs: int = 1,
    ) -> None:
        self.n_trees, self.setting, self.reading = n_trees, setting, reading
        self.seed, self.n_jobs = seed, n_jobs

    def evaluate(
        self,
        study: optuna.Study,
        params: list[str] | None = None,
        *,
        target: Callable[[optuna.trial.FrozenTrial], float] | None = None,
    ) -> dict[str, float]:
        """Return parameter → share of the variance, the largest first; ValueError if it can't be.

        A study of several objectives needs ``target``; so does anything but the objective.
        """
        if target is None and len(study.directions) > 1:
            raise ValueError(
                "a study with several objectives needs target, as target=lambda t: t.values[0]"
            )
        distributions = _get_distributions(study, params=params)
        trials = _get_filtered_trials(study, params=list(distributions), target=target)
        space = {n: law_of(own) for n, own in distributions.items() if not own.single()}
        shares = dict.fromkeys(distributions, 0.0)
        y = np.array([target(t) if target else t.value for t in trials], float)
        if not space or len(y) < MIN_TRIALS or np.ptp(y) == 0:
            return shares
        table = pd.DataFrame([{name: t.params[name] for name in space} for t in trials])
        anova = FunctionalANOVA(
            space,
            trees=self.n_trees,
            setting=self.setting,
            totals=False,
            random_state=self.seed,
            workers=self.n_jobs,
        ).fit(table, y)
        for name in space:
            shares[name] = max(0.0, float(anova.fraction(name)[self.reading]))
        ordered: dict[str, Any] = _sort_dict_by_importance(shares)
        return ordered
