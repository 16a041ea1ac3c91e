"""The paper's claims, each with the tasks it is about and its check.

Source: Greff et al., sections V-A (variants), V-B (hyperparameters) and VI, and figures 3 to 5.
Where a figure of the paper contradicts its text, both are claims.
"""

from odyssey.analysis.claims.curves import (
    diminishing,
    noise_dip,
    on_or_off,
    similar_curves,
    trend,
)
from odyssey.analysis.claims.evidence import Check
from odyssey.analysis.claims.maps import less_noise_at_high_rates, rate_carries_over
from odyssey.analysis.claims.rates import basin, coarse_search, optimum_beyond, sweet_spot
from odyssey.analysis.claims.shares import (
    highest_pair,
    in_order,
    interactions_between,
    most_interactions,
    much_smaller,
    share_between,
)
from odyssey.analysis.claims.variants import best_beats_vanillas, differences, reaches_paper

EVERY = ("timit", "iamondb", "jsb")
SPEECH, WRITING, MUSIC = ((task,) for task in EVERY)
ALL_VARIANTS = ("NIG", "NFG", "NOG", "NIAF", "NOAF", "CIFG", "NP", "FGR")
RATE, HIDDEN, NOISE, MOMENTUM = "learning_rate", "hidden", "noise", "momentum"

#: The paper's claim, the tasks it is about, and its check.
CLAIMS: tuple[tuple[str, tuple[str, ...], Check], ...] = (
    (
        "The trial that is best on validation reaches the paper's test figure (within 5 %).",
        EVERY,
        reaches_paper,
    ),
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
        "The best test figure of the best tenth with coupled gates is a little better than "
        "vanilla's on music …",
        MUSIC,
        best_beats_vanillas("CIFG"),
    ),
    ("… and that without peepholes on writing.", WRITING, best_beats_vanillas("NP")),
    (
        "Full gate recurrence changes nothing on speech and writing …",
        SPEECH + WRITING,
        differences(("FGR",), "unchanged"),
    ),
    ("… and is worse on music.", MUSIC, differences(("FGR",), "worse")),
    (
        "Over all trials NIAF, NIG, NFG and NOAF are significantly worse on speech, …",
        SPEECH,
        differences(("NIAF", "NIG", "NFG", "NOAF"), "worse", "all"),
    ),
    (
        "… NOG, NIG, NFG and NOAF on writing, …",
        WRITING,
        differences(("NOG", "NIG", "NFG", "NOAF"), "worse", "all"),
    ),
    ("… NFG and NOAF on music, …", MUSIC, differences(("NFG", "NOAF"), "worse", "all")),
    (
        "… and no others: CIFG, FGR, NP and NOG are unchanged on speech, …",
        SPEECH,
        differences(("CIFG", "FGR", "NP", "NOG"), "unchanged", "all"),
    ),
    (
        "… CIFG, FGR, NP and NIAF on writing, …",
        WRITING,
        differences(("CIFG", "FGR", "NP", "NIAF"), "unchanged", "all"),
    ),
    (
        "… CIFG, FGR, NP, NOG, NIAF and NIG on music.",
        MUSIC,
        differences(("CIFG", "FGR", "NP", "NOG", "NIAF", "NIG"), "unchanged", "all"),
    ),
    (
        "Curves of all variants that are not significantly worse look very similar.",
        EVERY,
        similar_curves,
    ),
    (
        "The learning rate explains more than two thirds of the variance.",
        EVERY,
        share_between(2 / 3, 1, RATE),
    ),
    ("The text: hidden size comes next, then input noise. …", EVERY, in_order(RATE, HIDDEN, NOISE)),
    (
        "… Figure 5 contradicts it on music: noise before hidden size.",
        MUSIC,
        in_order(RATE, NOISE, HIDDEN),
    ),
    ("Momentum explains less than one percent …", EVERY, share_between(0, 0.01, MOMENTUM)),
    (
        "… and does not change the training time (less than one percent of its variance).",
        EVERY,
        share_between(0, 0.01, MOMENTUM, target="time"),
    ),
    (
        "All interactions together explain 5 to 20 % (4.5 to 20.5, as it rounds).",
        EVERY,
        interactions_between(0.045, 0.205),
    ),
    ("Interactions are largest on speech …", SPEECH, most_interactions),
    (
        "… where learning rate × momentum explains about 2.5 % (1 to 5 %).",
        SPEECH,
        share_between(0.01, 0.05, RATE, MOMENTUM),
    ),
    (
        "The highest pair is learning rate × hidden size, …",
        EVERY,
        highest_pair(RATE, HIDDEN),
    ),
    (
        "… much smaller than the learning rate's own share (less than a tenth of it), …",
        EVERY,
        much_smaller((RATE, HIDDEN), RATE),
    ),
    ("… so the learning rate can be tuned on a small network.", EVERY, rate_carries_over),
    (
        "On writing and music less noise is better at a high learning rate, more at a low one.",
        WRITING + MUSIC,
        less_noise_at_high_rates,
    ),
    (
        "Good learning rates form a basin of up to two orders of magnitude (at least one).",
        EVERY,
        basin,
    ),
    ("The sweet spot is at the basin's high end: as good, and faster.", EVERY, sweet_spot),
    ("A coarse search down by powers of ten finds the basin.", EVERY, coarse_search),
    (
        "On writing and music the best rate lies above the range, beyond 1e-2 (footnote 10).",
        WRITING + MUSIC,
        optimum_beyond,
    ),
    ("Larger networks are better …", EVERY, trend("-hidden", "error")),
    ("… with diminishing returns, …", EVERY, diminishing),
    ("… and slower.", EVERY, trend("hidden", "time")),
    ("Input noise hurts …", EVERY, trend("noise", "error")),
    ("… save for a small dip of the error on speech between 0.2 and 0.5, …", SPEECH, noise_dip),
    ("… and it costs time.", EVERY, trend("noise", "time")),
    (
        "Nesterov or classical momentum does not matter (less than one percent).",
        SPEECH,
        share_between(0, 0.01, "nesterov"),
    ),
    ("Clipping gradients hurts.", SPEECH, on_or_off("clip", trend("clip", "error"))),
)
