"""Does a forget bias of 1 help on JSB? Picture and table: ``python -m docs.made.forget_bias``."""

from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from odyssey.analysis.figures.mpl import Figure, own_settings
from odyssey.analysis.figures.plotting import LINES, STYLE
from odyssey.analysis.welch import holm
from odyssey.analysis.words import BLUE, GREY, INK

DOCS = Path(__file__).parents[1]
#: Trials that end above so many nats never learned: they are counted, not compared.
LEARNED = 20.0
LIMIT = 0.6  # of the picture, in nats


def pairs() -> pd.DataFrame:
    """Return the trials with a bias of 1 beside those without, of the same draws and seeds.

    ``difference`` is the test figure with the bias minus the one without: below 0, it helps. NaN
    where one of the two never learned.
    """
    keys = ["variant", "trial"]
    one = pd.read_csv(DOCS / "jsb-forget-bias" / "trials.csv")
    none = pd.read_csv(DOCS / "reproduction-jsb" / "trials.csv")
    both = one.merge(none, on=keys, suffixes=("", "_without"), validate="one_to_one")
    assert (both.seed == both.seed_without).all()
    assert (both.hidden == both.hidden_without).all()
    learned = (both.test < LEARNED) & (both.test_without < LEARNED)
    return both.assign(difference=(both.test - both.test_without).where(learned))


def summary(both: pd.DataFrame) -> pd.DataFrame:
    """Return a row per variant: pairs, the median difference and its test, the best trials."""
    rows = {}
    for code in _codes(both):
        of = both[both.variant == code]
        known = of.difference.dropna()
        rows[code] = {
            "pairs": len(known),
            "median": known.median(),
            "helps": (known < 0).mean(),
            "p": stats.wilcoxon(known).pvalue,
            "best_without": of.test_without[of.valid_without.idxmin()],
            "best": of.test[of.valid.idxmin()],
            "fails_without": int((of.test_without >= LEARNED).sum()),
            "fails": int((of.test >= LEARNED).sum()),
        }
    table = pd.DataFrame(rows).T
    return table.assign(p_holm=holm(table.p, len(table)))


def _codes(both: pd.DataFrame) -> list[str]:
    """Return the variants in the paper's order."""
    return [code for code in LINES if code in set(both.variant)]


def picture(both: pd.DataFrame, out: Path) -> None:
    """Draw a point for every pair, a line at every variant's median."""
    with own_settings(STYLE):
        figure = Figure(figsize=(7, 3.4), layout="constrained")
        axes = figure.subplots()
        generator = np.random.default_rng(0)
        codes = _codes(both)
        for x, code in enumerate(codes):
            known = both.difference[both.variant == code].dropna().to_numpy(float)
            beside = x + generator.uniform(-0.25, 0.25, len(known))
            axes.plot(beside, known.clip(-LIMIT, LIMIT), ".", color=BLUE, alpha=0.5, markersize=5)
            axes.plot([x - 0.32, x + 0.32], [np.median(known)] * 2, color=INK, linewidth=2)
        axes.axhline(0, color=GREY, linewidth=0.8)
        axes.set_xticks(range(len(codes)), codes)
        axes.set_ylim(-LIMIT * 1.03, LIMIT * 1.03)
        axes.set_ylabel("test NLL with bias 1 minus without (nats)")
        axes.set_title("A forget bias of 1 on JSB Chorales: below 0, it helps")
        figure.savefig(out, dpi=130)


def main() -> None:
    """Draw the picture and print the table."""
    both = pairs()
    picture(both, DOCS / "jsb-forget-bias" / "differences.png")
    print(
        "| variant | pairs | median difference | better with it | p (Holm) | best of 60 | failed |"
    )
    print("|---|---|---|---|---|---|---|")
    for code, row in summary(both).iterrows():
        cells = (
            *(code, f"{row.pairs:.0f}", f"{row['median']:+.3f}", f"{row.helps:.0%}"),
            f"{row.p_holm:.2g}",
            f"{row.best_without:.3f} → {row.best:.3f}",
            f"{row.fails_without:.0f} → {row.fails:.0f}",
        )
        print(f"| {' | '.join(map(str, cells))} |")


if __name__ == "__main__":
    main()
