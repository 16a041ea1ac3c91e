"""The paper's claims beside our numbers: each with a verdict and the evidence for it.

A verdict is computed for every task the claim is about, from the trials of the variants, all or the
best by validation, and from vanilla's fANOVA. Other tasks have no verdicts.
"""

from dataclasses import dataclass

from odyssey.analysis.claims.of_paper import CLAIMS
from odyssey.analysis.findings import Findings
from odyssey.analysis.words import title_of

#: The verdict where none of a claim's tasks is in the study.
UNSTUDIED = "not studied"


@dataclass(frozen=True)
class Verdict:
    """A claim of the paper, the verdict here, and the evidence by task."""

    claim: str
    verdict: str
    evidence: tuple[tuple[str, bool | None, str], ...]


def judge(findings: Findings) -> list[Verdict]:
    """Return the verdict on every claim of the paper, in its order."""
    verdicts = []
    for claim, tasks, check in CLAIMS:
        rows = [
            (title_of(task), *check(findings, task)) for task in tasks if task in findings.tasks
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
