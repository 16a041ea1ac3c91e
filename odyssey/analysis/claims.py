"""The paper's claims beside our numbers: each with a verdict and the evidence for it.

Source: Greff et al., section V, as restated from the paper. A verdict is computed for every task
the claim is about. Behind it are the best trials by validation (variants) and vanilla's fANOVA
(hyperparameters).
"""

from dataclasses import dataclass

from odyssey.analysis.findings import Findings
from odyssey.analysis.hyperparameter_checks import (
    basin,
    learning_rate_first,
    less_noise_at_high_rates,
    most_interactions,
    noise_dip,
    others_independent,
    share_between,
    trend,
)
from odyssey.analysis.variant_checks import Check, best_beats_vanillas, differences, reaches_paper
from odyssey.tasks import TASKS

EVERY = ("timit", "iamondb", "jsb")
SPEECH, WRITING, MUSIC = ((task,) for task in EVERY)
ALL_VARIANTS = ("NIG", "NFG", "NOG", "NIAF", "NOAF", "CIFG", "NP", "FGR")
RATE, NOISE, MOMENTUM = "learning_rate", "noise", "momentum"

#: The paper's claim, the tasks it is about, and how it is checked on each.
CLAIMS: tuple[tuple[str, tuple[str, ...], Check], ...] = (
    ("The best network reaches the paper's test figure (within 5 %).", EVERY, reaches_paper),
    (
        "No variant is significantly better than vanilla.",
        EVERY,
        differences(ALL_VARIANTS, "not better"),
    ),
    (
        "Without forget gate or output activation results are significantly worse.",
        EVERY,
        differences(("NFG", "NOAF"), "worse"),
    ),
    (
        "Without input gate, output gate or input activation, also on speech and writing …",
        SPEECH + WRITING,
        differences(("NIG", "NOG", "NIAF"), "worse"),
    ),
    ("… and not on music, …", MUSIC, differences(("NIG", "NOG", "NIAF"), "not worse")),
    (
        "… where NIG and NIAF are a little better, not significantly.",
        MUSIC,
        differences(("NIG", "NIAF"), "slightly better"),
    ),
    (
        "Coupled gates and missing peepholes change nothing significantly.",
        EVERY,
        differences(("CIFG", "NP"), "unchanged"),
    ),
    (
        "The best network with coupled gates is a little better than vanilla's on music …",
        MUSIC,
        best_beats_vanillas("CIFG"),
    ),
    ("… and the best without peepholes on writing.", WRITING, best_beats_vanillas("NP")),
    (
        "Full gate recurrence changes nothing on speech and writing …",
        SPEECH + WRITING,
        differences(("FGR",), "unchanged"),
    ),
    ("… and is worse on music.", MUSIC, differences(("FGR",), "worse")),
    (
        "The learning rate explains more than two thirds of the variance.",
        EVERY,
        share_between(2 / 3, 1, RATE),
    ),
    ("Hidden size comes next, then input noise.", EVERY, learning_rate_first),
    ("Momentum explains less than one percent …", EVERY, share_between(0, 0.01, MOMENTUM)),
    (
        "… and does not change the training time (less than one percent of its variance).",
        EVERY,
        share_between(0, 0.01, MOMENTUM, target="time"),
    ),
    ("Interactions are largest on speech …", SPEECH, most_interactions),
    (
        "… where learning rate × momentum explains about 2.5 % (1 to 5 %).",
        SPEECH,
        share_between(0.01, 0.05, RATE, MOMENTUM),
    ),
    (
        "On writing and music less noise is better at a high learning rate, more at a low one.",
        WRITING + MUSIC,
        less_noise_at_high_rates,
    ),
    (
        "Otherwise hyperparameters are close to independent (no other pair above 2.5 %).",
        EVERY,
        others_independent((RATE, MOMENTUM), (RATE, NOISE)),
    ),
    ("Good learning rates form a basin of one to two orders of magnitude.", EVERY, basin),
    ("Larger networks are better …", EVERY, trend("-hidden", "error")),
    ("… and slower.", EVERY, trend("hidden", "time")),
    ("Input noise hurts …", EVERY, trend("noise", "error")),
    ("… save for a small dip of the error on speech between 0.2 and 0.5, …", SPEECH, noise_dip),
    ("… and it costs time.", EVERY, trend("noise", "time")),
    (
        "Nesterov or classical momentum does not matter (less than one percent).",
        SPEECH,
        share_between(0, 0.01, "nesterov"),
    ),
    ("Clipping gradients hurts.", SPEECH, trend("clip", "error")),
)


#: The verdict where none of a claim's tasks is in the study.
UNSTUDIED = "not studied"


@dataclass(frozen=True)
class Verdict:
    """A claim of the paper, what became of it here, and the evidence by task."""

    claim: str
    verdict: str
    evidence: tuple[tuple[str, bool | None, str], ...]


def judge(findings: Findings) -> list[Verdict]:
    """Return the verdict on every claim of the paper, in its order."""
    verdicts = []
    for claim, tasks, check in CLAIMS:
        rows = [
            (TASKS[task].title, *check(findings, task)) for task in tasks if task in findings.tasks
        ]
        holds = [holds for _, holds, _ in rows] + [None] * (len(tasks) - len(rows))
        verdicts.append(Verdict(claim, _verdict(holds) if rows else UNSTUDIED, tuple(rows)))
    return verdicts


def _verdict(holds: list[bool | None]) -> str:
    if all(value is None for value in holds):
        return "cannot say"
    if any(value is False for value in holds):
        return "differs" if not any(holds) else "partly"
    return "agrees" if all(holds) else "agrees so far"
