"""The answers on anybody's trials as files: JSON, a CSV of effects, one page."""

import base64
import io
from pathlib import Path

import jinja2
import pandas as pd
from markupsafe import Markup

from odyssey.analysis.fanova.of_trials import Importance
from odyssey.analysis.figures.importance import figures_of
from odyssey.analysis.figures.plotting import save_to, style
from odyssey.analysis.findings import write_record

_HERE = Path(__file__).parent
#: Effects in the page's table; all of them are in the CSV.
MOST_ROWS = 25


def write_importance(found: Importance, source: str, folder: Path) -> Path:
    """Write fanova.json, effects.csv and fanova.html into a folder; return the page."""
    write_record(folder / "fanova.json", found)
    effects_table(found).to_csv(folder / "effects.csv", index=False)
    page = folder / "fanova.html"
    page.write_text(_page(found, source), encoding="utf-8")
    return page


def effects_table(found: Importance) -> pd.DataFrame:
    """Return one row an effect; shares of the variance in [0, 1]."""
    return pd.DataFrame(
        {
            "kind": effect.kind,
            "factors": " × ".join(effect.factors),
            "mean_forest": effect.estimate,
            "low": effect.low,
            "high": effect.high,
            "mean_of_trees": effect.fraction,
            "std_of_trees": effect.std,
        }
        for effect in found.effects
    )


def _page(found: Importance, source: str) -> str:
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    template = environment.from_string((_HERE / "importance.html").read_text(encoding="utf-8"))
    css = (_HERE / "page.css").read_text(encoding="utf-8")
    mains = [effect for effect in found.effects if effect.kind in ("main", "total")]
    others = [effect for effect in found.effects if effect not in mains]
    effects = sorted([*mains, *others], key=lambda effect: -effect.estimate)
    return template.render(
        found=found,
        source=source,
        css=Markup(css),
        effects=effects[:MOST_ROWS],
        hidden=len(effects[MOST_ROWS:]),
        intervals=any(effect.interval for effect in effects),
        local=sorted(found.local.items(), key=lambda row: -row[1]),
        figures=_figures(found),
    )


def _figures(found: Importance) -> dict[str, str]:
    drawn = {}
    with style():
        for title, figure in figures_of(found).items():
            content = io.BytesIO()
            save_to(figure, content)
            uri = base64.b64encode(content.getvalue()).decode()
            drawn[title] = f"data:image/svg+xml;base64,{uri}"
    return drawn
