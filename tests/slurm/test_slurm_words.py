"""SLURM's words, limits and variables, read without a SLURM."""

import pytest

from odyssey.checks.check import Row
from odyssey.checks.slurm import NEEDED, slurm_rows
from odyssey.slurm.commands import minutes
from odyssey.slurm.environment import clean
from odyssey.slurm.words import in_one_line, stuck, verdict

FAILED = "Batch job submission failed: "


@pytest.mark.parametrize(
    ("words", "meaning"),
    [
        ("QOSMaxSubmitJobPerUserLimit", "again"),
        ("AssocMaxSubmitJobLimit; Job violates accounting/QOS policy (job submit limit)", "again"),
        ("AssocGrpSubmitJobsLimit", "again"),
        (FAILED + "Resource temporarily unavailable", "again"),
        (FAILED + "Socket timed out on send/recv operation", "again"),
        (FAILED + "Unable to contact slurm controller (connect failure)", "again"),
        (FAILED + "Slurm temporarily unable to accept job, sleeping and retrying", "again"),
        (FAILED + "Slurm backup controller in standby mode", "again"),
        (FAILED + "Zero Bytes were transmitted or received", "again"),
        (FAILED + "Protocol authentication error", "again"),
        (FAILED + "Invalid account or account/partition combination specified", "names"),
        (FAILED + "Invalid partition name specified", "names"),
        ("invalid partition specified: nope", "names"),
        (FAILED + "Invalid qos specification", "names"),
        (FAILED + "Requested reservation is invalid", "names"),
        (FAILED + "User's group not permitted to use this partition", "names"),
        ("The given account x appears to be invalid. Available accounts: y", "names"),
        (FAILED + "Requested node configuration is not available", "never"),
        (FAILED + "Requested time limit is invalid (missing or exceeds some limit)", "never"),
        ("QOSMaxWallDurationPerJobLimit; Job violates policy (job submit limit)", "never"),
        ("QOSMaxCpuPerUserLimit; Job violates policy (job submit limit, size)", "never"),
        ("Memory specification can not be satisfied", "never"),
        ("words of a version to come", "never"),
    ],
)
def test_a_refusal_passes_or_holds_for_a_name_or_for_a_job(words, meaning):
    assert verdict(words) == meaning


@pytest.mark.parametrize(
    "reason",
    [
        *("PartitionTimeLimit", "BadConstraints", "ReqNodeNotAvail, UnavailableNodes:n[1-3]"),
        *("JobHeldAdmin", "JobHeldUser", "launch failed requeued held", "InvalidQOS"),
        *("QOSMaxWallDurationPerJobLimit", "AssocMaxWallDurationPerJobLimit", "PartitionDown"),
        *("QOSMaxMemoryPerJob", "AssocGrpCPUMinutesLimit"),
    ],
)
def test_a_reason_that_does_not_pass_comes_with_what_to_do(reason):
    assert stuck(reason)


@pytest.mark.parametrize(
    "reason",
    [
        *("Priority", "Resources", "None", "Dependency", "BeginTime", "QOSMaxJobsPerUserLimit"),
        *("AssocGrpCpuLimit", "QOSMaxCpuPerUserLimit", "JobArrayTaskLimit", "Licenses"),
    ],
)
def test_a_reason_that_passes_is_not_worth_a_word(reason):
    assert not stuck(reason)


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        *(("30", 30), ("30:30", 30), ("04:00:00", 240), ("1-12", 2160), ("1-12:30", 2190)),
        *(("7-00:00:00", 10080), ("0:45", 0), ("UNLIMITED", None), ("INFINITE", None), ("", None)),
    ],
)
def test_a_time_limit_is_read_as_slurm_writes_it(limit, expected):
    assert minutes(limit) == expected


def test_words_come_in_one_line_without_prefixes_or_repetition():
    words = "sbatch: error: A\nsbatch: error: A\n\nsbatch: fatal: accounts:\n b \n"
    assert in_one_line(words) == "A; accounts: b"


def test_only_where_slurm_is_and_whose_jobs_these_are_is_kept():
    kept = {"SLURM_CONF": "x", "SBATCH_ACCOUNT": "y", "HOME": "/"}
    leaked = {"SLURM_CPUS_PER_TASK": "1", "SBATCH_WAIT": "", "SCANCEL_INTERACTIVE": ""}
    environment = kept | leaked
    assert clean(environment) == sorted(leaked)
    assert environment == kept


def test_a_slurm_that_does_not_answer_stops_no_local_study(monkeypatch, tmp_path):
    for name in NEEDED:
        (tmp_path / name).write_text(
            "#!/bin/sh\necho 'slurm_load_ctl_conf error: no answer' >&2\nexit 1\n"
        )
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    (row,) = slurm_rows()
    assert row.state == "warn"
    assert row.text.startswith("sbatch is here, but SLURM does not answer (")
    assert "no answer" in row.text
    assert row.text.endswith("): only the local profile can be used")


def test_without_sbatch_a_check_says_that_only_the_local_profile_works(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    words = "no sbatch here: only the local profile can be used"
    assert slurm_rows() == [Row("SLURM", "warn", words)]
