"""``ttq-bench verify``: compute the whole report anew from the records, and compare."""

import argparse

from ttq_bench.commands.at_url import folder_of
from ttq_bench.errors import VerificationError
from ttq_bench.text import one_line
from ttq_bench.verify.verification import Verification, verify_results

SHOWN = 20


def verify(options: argparse.Namespace) -> int:
    """Print what was compared and return 0, or the differences and raise ``VerificationError``."""
    folder_of(options).bring_report()
    found = verify_results(options.results, options.readme)
    for difference in found.differences[:SHOWN]:
        print(one_line(str(difference), 1_000))
    if number := len(found.differences):
        shown = f", the first {SHOWN} are shown" if number > SHOWN else ""
        raise VerificationError(
            f"{options.results}: {number} difference{'s' * (number > 1)}{shown};"
            f" {'draw the report anew' if found.records_agree else 'copy or run these trials anew'}"
        )
    print(f"verified: {_counts(found)}")
    return 0


def _counts(found: Verification) -> str:
    *most, last = (name.replace("summary.md", "summary") for name in found.texts)
    texts = f"{', '.join(most)} and {last} agree" if most else f"{last} agrees"
    older = f" ({found.older} of older versions: ids not checked)" if found.older else ""
    return (
        f"{found.records:,} records{older}, {found.cells:,} cells of {found.tables} tables,"
        f" {texts.replace('README.md', 'README')}"
    )
