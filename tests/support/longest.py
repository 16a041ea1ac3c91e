"""What takes longest: which files begin, which tests are left out in haste, what a run says.

A worker that gets a long file last keeps all others waiting, so the longest come first.
"""

import os
from collections import Counter
from pathlib import Path

from benchmarks.private_slurm import missing

TESTS = Path(__file__).parents[1]
#: Core seconds of each file, about, in a fresh clone, where some compile kernels; most of the first
#: two is waiting for SLURM. Files that are not here take less than ten.
SECONDS = {
    "slurm/test_slurm.py": 600,
    "slurm/test_slurm_oddities.py": 500,
    "engines/test_evaluation.py": 96,
    "engines/test_kernels.py": 107,
    "runs/test_storm.py": 64,
    "workflow/test_tutorial.py": 99,
    "workflow/test_surroundings.py": 62,
    "runs/test_upkeep.py": 45,
    "engines/test_gpu_kernels.py": 43,
    "workflow/test_workflow.py": 55,
    "analysis/test_fanova_trials.py": 40,
    "engines/test_gpu_nvrtc.py": 37,
    "engines/test_kernels_build.py": 41,
    "runs/test_block.py": 35,
    "analysis/test_report.py": 36,
    "analysis/test_open.py": 31,
    "runs/test_rules.py": 30,
    "analysis/test_figures.py": 29,
    "workflow/test_opened.py": 26,
    "analysis/test_distance.py": 25,
    "analysis/test_of_tables.py": 23,
    "engines/test_losses.py": 23,
    "analysis/test_partial.py": 22,
    "runs/test_trial.py": 22,
    "analysis/test_fanova.py": 21,
    "checks/test_doctor.py": 20,
    "engines/test_learning.py": 20,
    "workflow/test_own_data.py": 18,
    "engines/test_gpu_trials.py": 18,
    "engines/test_kernels_interface.py": 17,
    "engines/test_update_rule.py": 17,
    "networks/test_equations.py": 17,
    "runs/test_factors.py": 13,
    "runs/test_progress.py": 11,
    "runs/test_cells.py": 10,
    "test_readings.py": 10,
}
#: Files of which ``make test-fast`` leaves all out: they start SLURM, Snakemake, a browser or many
#: processes, train to the end, draw many figures, or grow many forests.
SLOW_FILES = SECONDS.keys() - {
    *("engines/test_evaluation.py", "engines/test_kernels.py", "engines/test_kernels_interface.py"),
    *("engines/test_losses.py", "engines/test_update_rule.py", "networks/test_equations.py"),
    *("runs/test_trial.py", "analysis/test_fanova.py"),
}
#: Tests of other files that take two seconds and more, all cases together.
SLOW = {
    "analysis/test_claims.py": ["test_verdicts_follow_the_trials"],
    "analysis/test_fanova.py": [
        "test_sums_equal_the_reference_on_every_set",
        "test_the_fast_sums_equal_the_quadratic_ones",
    ],
    "analysis/test_handing.py": ["test_other_instruction_sets_have_the_sums_of_this_processors"],
    "docs/test_pictures.py": ["test_the_picture_shows_the_code_as_it_is"],
    "engines/test_evaluation.py": ["test_other_instruction_sets_have_them_too"],
    "engines/test_gpu_bench.py": ["test_it_measures_what_it_says"],
    "engines/test_gpu_fleet.py": ["test_company_changes_not_a_bit"],
    "engines/test_gpu_device.py": ["test_the_command_finds_the_systems_driver"],
    "engines/test_kernels.py": [
        "test_extreme_shapes_equal_the_equations",
        "test_instruction_sets_agree",
        "test_twenty_updates_equal_those_of_gluon",
    ],
    "engines/test_kernels_interface.py": ["test_the_core_needs_no_framework"],
    "engines/test_losses.py": ["test_a_loss_of_ones_own_learns"],
    "engines/test_two_threads.py": ["test_a_forked_process_has_a_thread_of_its_own"],
    "engines/test_update_rule.py": ["test_steps_follow_the_rule_in_float64"],
    "networks/test_cells.py": ["test_gluon_has_the_gradients_of_central_differences"],
    "networks/test_equations.py": ["test_gradients_equal_central_differences"],
    "tasks/test_jsb.py": ["test_bundled_chorales"],
    "tasks/test_timit.py": ["test_one_missing_recording_is_marked"],
    "runs/test_spare.py": ["test_a_block_grants_them_to_its_processes_and_results_stay"],
    "runs/test_trial.py": [
        "test_a_result_of_the_first_format_that_never_was_better_than_its_start_ends_there",
        "test_a_failing_save_is_one_line_and_costs_nothing",
        "test_a_resumed_trial_equals_the_uninterrupted_one_bit_for_bit",
        "test_what_is_asked_to_stop_is_saved_and_stops",
        "test_without_hard_links_a_killed_trial_goes_on_with_the_same_bits",
    ],
}
#: A run that took less says nothing.
_MENTIONED = 30.0


def place_of(item):
    """Return a test's file below tests/."""
    return item.path.relative_to(TESTS).as_posix()


def is_slow(item):
    """Return whether a test is of a long file, slow by itself, or of an emulated GPU."""
    place = place_of(item)
    own = item.originalname in SLOW.get(place, ())
    return place in SLOW_FILES or own or "[gpu" in item.nodeid


def longest_first(items):
    """Sort tests by what their file takes; those of a file stay together and in their order."""
    items.sort(key=lambda item: -SECONDS.get(place_of(item), 0))


def workers(config):
    """Return a worker for each core, and one for each file that waits for a SLURM, if it runs."""
    waiting = 0 if missing() or config.option.markexpr else 2
    return len(os.sched_getaffinity(0)) + waiting


def files_by_time(reports):
    """Return lines: the ten files that took longest, with their seconds and their share."""
    seconds = Counter()
    for report in reports:
        seconds[report.nodeid.partition("::")[0]] += report.duration
    whole = sum(seconds.values())
    if whole < _MENTIONED:
        return []
    return [f"{each:7.1f} s {each / whole:6.1%}  {file}" for file, each in seconds.most_common(10)]
