"""Numbers for any delta strategy, drawn from the range that its line in ``THRESHOLDS`` gives."""

from ttq_bench.ternary.thresholds import THRESHOLDS


def number_of(name: str, share: float) -> float:
    """Return the number so far into the range of a rule; 0.05 makes some zeros, not all."""
    rule = THRESHOLDS[name]
    return rule.low + share * (rule.high - rule.low)
