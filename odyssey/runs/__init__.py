"""Trials as jobs: resumed, saved, judged; the plan, the progress and the upkeep of a study."""
