"""max_runtime in the profile cuts what jobs ask for, whatever the partition's MaxTime is."""

import logging
from dataclasses import dataclass, field

import pytest
from snakemake.iocontainers import ResourceList as Resources

from odyssey.slurm.limits import Limits


@dataclass(eq=False)
class Job:
    """What limits look at of a job of Snakemake's."""

    name: str = "train_trials"
    resources: Resources = field(default_factory=Resources)


def cut(caplog, **resources):
    """The time limit that a job gets, with what is said of it; no partition is asked."""
    job, limits = Job(resources=Resources(fromdict=resources)), Limits(logging.getLogger("limits"))
    with caplog.at_level(logging.WARNING):
        limits.prepare(job, ["a partition that nobody asks"])
    return job.resources.runtime, caplog.text


@pytest.mark.parametrize(
    ("most", "minutes"), [(240, 240), ("240", 240), ("04:00:00", 240), ("1-00:00:00", 1440)]
)
def test_a_job_that_asks_for_more_is_cut_and_told(caplog, most, minutes):
    runtime, said = cut(caplog, runtime=2000, max_runtime=most, resumes=1)
    assert runtime == minutes
    assert f"2000 minutes, is cut to the {minutes} that are allowed (max_runtime)" in said


def test_a_job_that_asks_for_less_keeps_what_it_asks_for(caplog):
    assert cut(caplog, runtime=60, max_runtime=240) == (60, "")


@pytest.mark.parametrize("most", ["soon", 0, "-5"])
def test_a_limit_that_is_no_time_is_named(caplog, most):
    with pytest.raises(ValueError, match=r"max_runtime must be minutes or as 1-12:00:00, got"):
        cut(caplog, runtime=60, max_runtime=most)
