"""Numbers as people read them, the same in the terminal and in the summary."""

from ttq_bench.errors import TtqBenchError


def duration(seconds: float) -> str:
    """Return a time span as people say it: ``45 s``, ``12 min``, ``3 h 05 min``."""
    if seconds < 90:  # noqa: PLR2004
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 120:  # noqa: PLR2004
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def seconds_in(text: str) -> float:
    """Return the seconds of a time span such as ``90s``, ``30m``, ``1.5h`` or ``90``."""
    factors = {"s": 1.0, "m": 60.0, "h": 3600.0}
    number, unit = (text[:-1], text[-1]) if text[-1:] in factors else (text, "s")
    try:
        seconds = float(number) * factors[unit]
    except ValueError:
        seconds = -1.0
    if not 0 < seconds < float("inf"):
        raise TtqBenchError(f"{text!r} is no time span; write for example 90s, 30m or 2h")
    return seconds
