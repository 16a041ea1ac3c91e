"""The page on the forget bias says what its two tables of trials say."""

from docs.made.forget_bias import DOCS, pairs, summary


def test_every_trial_has_its_partner_and_the_page_its_figures():
    both = pairs()
    assert set(both.groupby("variant").size()) == {60}
    assert set(both.forget_bias) == {1}
    page = (DOCS / "extending.md").read_text(encoding="utf-8").replace("−", "-")
    for code, row in summary(both).iterrows():
        line = next(
            line for line in page.splitlines() if line.startswith(f"| {code} | {row.pairs:.0f}")
        )
        for shown in (
            f"{row['median']:+.3f}".replace("0.", "."),
            f"{100 * row.helps:.0f} %",
            f"{row.p_holm:.2g}".replace("0.", ".", 1),
            f"{row.best_without:.3f} → {row.best:.3f}",
        ):
            assert shown in line
