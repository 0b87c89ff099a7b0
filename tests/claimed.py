"""Attempts for tests: claimed as a worker does it."""

from ttq_bench.provenance import arithmetic
from ttq_bench.records.attempts.lease import Lease, claim
from ttq_bench.records.attempts.progress import Progress, write_progress
from ttq_bench.records.paths import AttemptPaths, TrialPaths

LEASE = Lease("here", 1, "node", arithmetic(), "2026-01-01T00:00:00+00:00")


def claimed_progress(paths: TrialPaths, progress: Progress) -> AttemptPaths:
    """Claim a new attempt at a trial, write where it is, return it."""
    attempt = claim(paths, LEASE)
    write_progress(attempt, progress)
    return attempt
