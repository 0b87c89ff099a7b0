"""``--rerun``: which trials are trained again although they ended."""

import argparse
from collections.abc import Iterable, Iterator, Sequence

from ttq_bench.commands.chosen_trials import expression, matches
from ttq_bench.errors import TtqBenchError
from ttq_bench.records.attempts.progress import is_begun
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.remote.store import Folder
from ttq_bench.records.replaced import is_there
from ttq_bench.records.schema import TrialRecord
from ttq_bench.spec.trial import TrialSpec

SHOWN = 3


def add_rerun_option(parser: argparse.ArgumentParser) -> None:
    """Add: trials to train again."""
    parser.add_argument(
        "--rerun", type=expression, metavar="TRIAL",
        help="train a finished, diverged or failed trial again: its id, or words as --only takes;"
        " what there is of it is moved to replaced/ in the results. A network that others start"
        " from is trained again only together with them",
    )  # fmt: skip


def trials_to_rerun(
    specs: Sequence[TrialSpec],
    whole: Iterable[TrialSpec],
    records: Iterable[TrialRecord],
    named_by: str | None,
    folder: Folder,
) -> tuple[str, ...]:
    """Return the ids of those of ``specs`` that are to be trained again, parents first.

    Raises ``TtqBenchError`` where there is none, or where a trial that starts from one of them
    would keep what it made of the old network.
    """
    if named_by is None:
        return ()
    if folder.url:
        raise TtqBenchError(
            f"--rerun: {folder.url} is a URL, where records are never replaced; copy the results"
            " into a folder, or name another place with --results"
        )
    results = folder.results
    named = {s.trial_id: s for s in specs if matches(named_by, s.trial_id)}
    ended = {name for name in named if is_there(results.trial(name))}
    if not ended:
        raise TtqBenchError(
            f"--rerun {named_by!r}: fits no trial that ended; `ttq-bench plan --json` lists"
            " the ids, and a run without --rerun trains what is missing"
        )
    again = {n for n, spec in named.items() if n in ended or spec.parent in ended}
    left = sorted(set(_made_from(ended, whole, records, results)) - again)
    if left:
        rest = f" and {len(left) - SHOWN} more" if len(left) > SHOWN else ""
        raise TtqBenchError(
            f"--rerun {named_by!r}: {', '.join(left[:SHOWN])}{rest} started from a network"
            " that would be replaced; name them, too, with `or`, or choose another --results"
        )
    return tuple(name for name in named if name in again)


def _made_from(
    parents: set[str],
    whole: Iterable[TrialSpec],
    records: Iterable[TrialRecord],
    results: ResultsPaths,
) -> Iterator[str]:
    """Yield the trials that started from one of ``parents``: recorded, failed or begun."""
    for record in records:
        if record.spec.get("parent") in parents:
            yield record.trial_id
    for spec in whole:
        paths = results.trial(spec.trial_id)
        if spec.parent in parents and (paths.failure.exists() or is_begun(paths)):
            yield spec.trial_id
