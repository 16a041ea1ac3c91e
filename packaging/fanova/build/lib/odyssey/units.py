"""Quantities in words: durations in units that fit. Standard library only."""


def time_unit(seconds: float) -> tuple[str, float]:
    """Return a unit of time that suits a duration, and its length in seconds."""
    return ("s", 1.0) if seconds < 120 else ("min", 60.0) if seconds < 7200 else ("h", 3600.0)


def duration(seconds: float) -> str:
    """Return a duration in a unit that suits it, to three digits."""
    unit, length = time_unit(seconds)
    value = seconds / length
    return f"{value:,.0f} {unit}" if value >= 100 else f"{value:.3g} {unit}"
