"""``ttq-bench verify``: compute the whole report anew from the records, and compare."""

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING

from ttq_bench.commands.at_url import in_step
from ttq_bench.commands.option_values import local_path, results_place
from ttq_bench.commands.options import add_json_option, add_results_option
from ttq_bench.commands.streams import tell_person
from ttq_bench.errors import VerificationError
from ttq_bench.records.remote.store import Folder
from ttq_bench.text import counted, json_text, one_line

if TYPE_CHECKING:
    from ttq_bench.verify.verification import Verification

DESCRIPTION = """\
Compute the report again from the records and compare every value of tables and texts with the
files in the results folder. The first differences are printed; any difference gives exit code 6."""
EXAMPLES = (
    "ttq-bench verify --results results --json",
    "ttq-bench verify --readme README.md",
)
SHOWN = 20


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add: whose report, and which README repeats its findings."""
    add_results_option(parser, results_place)
    parser.add_argument(
        "--readme", type=local_path, metavar="FILE", help="also compare the findings in this file"
    )
    add_json_option(parser)


def run(options: argparse.Namespace) -> int:
    """Print what was compared and return 0, or the differences and raise ``VerificationError``."""
    tell_person("verify: computing the report anew: up to a minute")
    return in_step(_verify, options)


def _verify(options: argparse.Namespace, folder: Folder) -> int:
    from ttq_bench.verify.verification import verify_results  # pandas and seaborn: 2 s

    folder.bring_report()
    verification = verify_results(folder.results.root, options.readme)
    if options.json:
        print(json_text(asdict(verification)))
    else:
        for difference in verification.differences[:SHOWN]:
            print(one_line(str(difference), 1_000))
    if number := len(verification.differences):
        shown = f", the first {SHOWN} are shown" if number > SHOWN and not options.json else ""
        agree = verification.records_agree
        raise VerificationError(
            f"{folder.results.root}: {counted(number, 'difference')}{shown};"
            f" {'draw the report anew' if agree else 'copy or run these trials anew'}"
        )
    if not options.json:
        print(f"verified: {_counts(verification)}")
    return 0


def _counts(verified: "Verification") -> str:
    pages = [name for name in verified.texts if name.startswith("pages/")]
    others = [name.replace("summary.md", "summary") for name in verified.texts if name not in pages]
    *most, last = [f"{len(pages)} pages"] * bool(pages) + others
    texts = f"{', '.join(most)} and {last} agree" if most else f"{last} agrees"
    older = f" ({verified.older} of older versions: ids not checked)" if verified.older else ""
    return (
        f"{verified.records:,} records{older}, {verified.cells:,} cells of {verified.tables}"
        f" tables, {texts.replace('README.md', 'README')}"
    )
