"""What SLURM's own words mean: will it say the same for ever, or is it worth asking again?

The words are those of sbatch, squeue and scontrol of SLURM 20.02 to 25.05.
"""

import re
from typing import Literal

Verdict = Literal["again", "names", "never"]

#: Refusals that end by themselves: limits on the number of jobs, and a controller that is busy,
#: away or being restarted.
_AGAIN = re.compile(
    r"SubmitJob|job submit limit|MaxJobCount|temporarily (?:un|dis)|Resource temporarily|"
    r"timed out|time.?out|Unable to contact|connect(?:ion)? (?:failure|refused|reset)|"
    r"Communication|Zero Bytes|Unexpected message|Transport endpoint|No route to host|"
    r"backup (?:mode|controller)|standby|not responding|Slurm controller|"
    r"Too many (?:open files|concurrent)|rate limit|Socket|munge|credential|authentication|"
    r"try again|retry|Cannot allocate memory|database|slurmdbd|DNS|[Uu]nknown host",
    re.IGNORECASE,
)
#: Refusals of a name or a right: every job that asks with these names is refused.
_NAMES = re.compile(
    r"invalid (?:\S+ ){0,3}(?:account|partition|qos|reservation|wckey|user)|"
    r"(?:account|partition|qos|reservation|user)\S* (?:\S+ ){0,4}(?:invalid|unknown|not (?:allowed|"
    r"permitted|found|available))|option is not allowed in|not permitted to use|"
    r"Access.?/.?permission|Access denied|User's group not permitted|Unable to determine account",
    re.IGNORECASE,
)
#: Limits that one job breaks by itself, even where the rest of the message speaks of policy.
_TOO_MUCH = re.compile(r"\b(?:QOS|Assoc)(?:Grp|Max|Min)(?!\w*Submit)\w+|Requested (?:node|time)")

#: Why a job waits, where waiting alone does not help: the reason's pattern, and what to do.
_STUCK = (
    (r"PartitionTimeLimit", "its time limit is beyond the partition's MaxTime: set max_runtime"),
    (r"MaxWall", "its time limit is beyond what your account or QOS allows: set max_runtime"),
    (r"(QOS|Assoc)\w*(PerJob|PerNode|Min)", "it asks for more than your account or QOS allows"),
    (r"PartitionNodeLimit|MaxMemPerLimit", "it asks for more than the partition allows"),
    (r"PartitionDown|PartitionInactive", "the partition takes no jobs now: ask the administrators"),
    (r"BadConstraints", "no node has what it asks for: look at memory, cores, GPU and constraint"),
    (r"PartitionConfig", "no node of its partition has what it asks for"),
    (r"ReqNodeNotAvail", "nodes that it needs are down or reserved: see scontrol show reservation"),
    (r"JobHeldAdmin", "an administrator holds it: ask why"),
    (r"JobHeldUser|user.held", "it is held: scontrol release it"),
    (r"launch.failed|requeued.held", "its start failed and SLURM holds it: scontrol release it"),
    (r"Invalid(Account|QOS)|(Account|QOS)NotAllowed", "SLURM does not know its account or QOS"),
    (r"ReservationDeleted|ReservationInvalid", "its reservation is gone"),
    (r"GrpCPUMinutes|GrpCPURunMinutes|GrpGRESMinutes|GrpBillingMinutes", "the budget is used up"),
    (r"NodeDown|ResourcesDown|DownOnLicense", "nodes that it needs are down"),
)


def verdict(words: str) -> Verdict:
    """Return what a refusal means: ``again``, ``names`` (every such job), ``never`` (this job).

    Unknown words mean ``never``: a person must look at them.
    """
    if _TOO_MUCH.search(words):
        return "never"
    if _AGAIN.search(words):
        return "again"
    return "names" if _NAMES.search(words) else "never"


def stuck(reason: str) -> str:
    """Return what to do about a job that waits for this reason; empty if its turn will come."""
    return next((advice for pattern, advice in _STUCK if re.search(pattern, reason, re.I)), "")


def in_one_line(words: str) -> str:
    """Return SLURM's words without its prefixes, in one line."""
    lines = (re.sub(r"^\w+: (?:error|fatal): ", "", line.strip()) for line in words.splitlines())
    return "; ".join(dict.fromkeys(line for line in lines if line)).replace(":; ", ": ")
