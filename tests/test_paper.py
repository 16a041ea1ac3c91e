"""What the paper reports, as the package holds it: whole, and in step with the study's config."""

import pytest
import yaml

from odyssey import paper
from odyssey.study.study import Study
from tests.conftest import ROOT

TASKS = ("timit", "iamondb", "jsb")


@pytest.fixture(scope="module")
def study():
    return Study(yaml.safe_load((ROOT / "config.yaml").read_text()))


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("scope", ["all", "top"])
def test_every_variant_has_a_box_that_is_in_order(task, scope):
    boxes = paper.boxes(task, scope)
    assert tuple(boxes) == paper.ORDER
    for box in boxes.values():
        shown = [box.low, box.q1, box.median, box.q3, box.high]
        known = [value for value in shown if value is not None]
        assert known == sorted(known)
        assert box.parameters > 10_000
    assert not boxes["V"].significant


@pytest.mark.parametrize("task", TASKS)
def test_curves_and_shares_are_whole(task):
    for name in paper.CURVED:
        curves = paper.curves(task, name)
        assert [len(column) for column in vars(curves).values()] == [100] * 5
        assert list(curves.at) == sorted(curves.at)
        assert min(curves.error + curves.hours + curves.error_std + curves.hours_std) > 0
    assert sum(paper.shares(task).values()) == pytest.approx(1, abs=1e-4)


def test_numbers_of_the_text_are_those_of_the_figures():
    """Footnote 7 beside figure 3: its JSB figure is off by .01, a slip of the paper."""
    assert paper.BEST_BY_VALIDATION["iamondb"].test == paper.least("iamondb").test == 9.26
    assert paper.boxes("jsb", "all")["NIG"].low == pytest.approx(8.38, abs=0.005)
    assert paper.boxes("jsb", "all")["NIAF"].low == 8.393
    assert paper.least("jsb") == paper.Best(8.369, "CIFG")
    assert round(5400 * 24.3) == paper.CORE_HOURS


def test_the_config_is_the_papers_study(study):
    assert study.search_space("jsb") == dict(paper.SPACE)
    assert study.search_space("timit").items() > paper.SPACE.items()
    assert set(study.variants) == set(paper.ORDER)
    assert tuple(study.tasks) == TASKS
    assert {study.trials(task) for task in TASKS} == {paper.TRIALS}
    assert study.config["analysis"]["top"] == paper.TOP
