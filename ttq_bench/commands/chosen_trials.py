"""Which trials of a suite are meant, and with what values: ``--only``, ``--seeds``, ``--set``."""

import argparse
import hashlib
import re
from collections.abc import Sequence

from ttq_bench.errors import TtqBenchError
from ttq_bench.spec.trial import TrialSpec
from ttq_bench.text import counted, one_line

MOST_SEEDS = 10_000


def add_choosing_options(parser: argparse.ArgumentParser) -> None:
    """Add: which trials of the suite, and other values than the suite's."""
    parser.add_argument(
        "--only", type=expression, metavar="WORDS",
        help="trials whose id holds these words, joined by `and`, `or`, `not`: 'ttq and not tied';"
        " the networks that they start from are added",
    )  # fmt: skip
    parser.add_argument(
        "--seeds", type=seeds, metavar="LIST",
        help="trials of these seeds of the suite: 0, 0-4, 0,3,7-9",
    )  # fmt: skip
    parser.add_argument(
        "--set", type=change, action="append", default=[], metavar="FIELD=VALUE", dest="changes",
        help="a value in place of the suite's, as YAML: training.fine_tuned.epochs=1; may be given"
        " several times; it makes other trials",
    )  # fmt: skip


def expression(text: str) -> str:
    """Return ``text`` if it is made of words joined by ``and``, ``or`` and ``not``."""
    if any(not word for either in _parts(text) for _, word in either):
        raise argparse.ArgumentTypeError(
            f"expected words joined by `and`, `or`, `not`, such as 'ttq and not tied'; got {text!r}"
        )
    return text


def seeds(text: str) -> str:
    """Return ``text`` if it lists seeds: numbers and spans of numbers, separated by commas."""
    if not re.fullmatch(r"\d{1,9}(-\d{1,9})?(,\d{1,9}(-\d{1,9})?)*", text) or not _seeds_in(text):
        raise argparse.ArgumentTypeError(
            f"expected seeds such as 0 or 0-4 or 0,3,7-9, at most {MOST_SEEDS:,}; got"
            f" {one_line(text, 80)!r}"
        )
    return text


def change(text: str) -> str:
    """Return ``text`` if it is a field with a value."""
    field, equals, _ = text.partition("=")
    if not equals or not re.fullmatch(r"\w+(\.\w+){0,9}", field):
        raise argparse.ArgumentTypeError(
            f"expected FIELD=VALUE, such as training.fine_tuned.epochs=1; got {text!r}"
        )
    return text


def chosen_trials(specs: Sequence[TrialSpec], options: argparse.Namespace) -> list[TrialSpec]:
    """Return the trials that the options choose, with their parents, in the order of ``specs``.

    Raises ``TtqBenchError`` where there is none, or a seed is not the suite's.
    """
    chosen = list(specs)
    if options.seeds is not None:
        asked, known = _seeds_in(options.seeds), {spec.seed for spec in specs}
        if missing := sorted(asked - known):
            raise TtqBenchError(
                f"--seeds {options.seeds}: {missing[0]} is no seed of {options.suite}, which has"
                f" {one_line(', '.join(map(str, sorted(known))), 200)}; --set seeds=[...] takes"
                " others"
            )
        chosen = [spec for spec in chosen if spec.seed in asked]
    asked_for, chosen = chosen, [s for s in chosen if matches(options.only or "", s.trial_id)]
    if not chosen:
        example = max((spec.trial_id for spec in asked_for), key=len)
        of_seeds = f" of seeds {options.seeds}" if options.seeds else ""
        raise TtqBenchError(
            f"--only {options.only!r}: fits none of {counted(len(asked_for), 'trial')}{of_seeds},"
            f" whose ids are such as {example}; `ttq-bench plan --json` lists all"
        )
    wanted = {spec.trial_id for spec in chosen} | {spec.parent for spec in chosen}
    return [spec for spec in specs if spec.trial_id in wanted]


def name_of(changes: Sequence[str]) -> str:
    """Return a short name of what ``--set`` changes, the same in any order; none of nothing."""
    last = dict(change.split("=", 1) for change in changes)
    text = "\n".join(f"{field}={value}" for field, value in sorted(last.items()))
    return f"set-{hashlib.sha256(text.encode()).hexdigest()[:6]}" if changes else ""


def matches(text: str, trial_id: str) -> bool:
    """Return whether an id fits an expression; capitals are no difference."""
    name = trial_id.lower()
    return any(
        all((word.lower() in name) == wanted for wanted, word in either) for either in _parts(text)
    )


def _parts(text: str) -> list[list[tuple[bool, str]]]:
    """Return what is joined by ``or``: each the words that an id has to hold, or not to."""
    alternatives = []
    for either in re.split(r"\s+or\s+", text.strip()):
        words = [re.fullmatch(r"(not\s+)?(\S*)", part) for part in re.split(r"\s+and\s+", either)]
        alternatives.append([(not w[1], w[2]) if w else (True, "") for w in words])
    return alternatives


def _seeds_in(text: str) -> set[int]:
    """Return the seeds of a list; none where a span runs backwards or they are too many."""
    numbers: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        span = range(int(first), int(last or first) + 1)
        if not span or len(span) > MOST_SEEDS:
            return set()
        numbers.update(span)
    return numbers if len(numbers) <= MOST_SEEDS else set()
