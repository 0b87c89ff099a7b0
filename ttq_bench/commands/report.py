"""``ttq-bench report``: summary, pages, tables and figures from the records alone."""

import argparse
import re
from pathlib import Path

from ttq_bench.commands.at_url import in_step
from ttq_bench.commands.option_values import local_path, results_place
from ttq_bench.commands.options import add_json_option, add_results_option
from ttq_bench.commands.streams import tell_person
from ttq_bench.files import remove_temporaries
from ttq_bench.records.remote.names import REPORT
from ttq_bench.records.remote.store import Folder
from ttq_bench.text import json_text

DESCRIPTION = """\
Write summary.md, the pages below pages/, report.html, tables and figures from the records in a
results folder. Neither torch nor Ray is needed, and nothing is trained."""
EXAMPLES = ("ttq-bench report --results results/demo", "ttq-bench report --readme README.md")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add: whose report, and which README repeats its findings."""
    add_results_option(parser, results_place)
    parser.add_argument(
        "--readme", type=local_path, metavar="FILE",
        help="also write the findings into this file, between its two comments for them",
    )  # fmt: skip
    add_json_option(parser)


def run(options: argparse.Namespace) -> int:
    """Write the report, print where the summary is, and return 0."""
    tell_person("report: reading records, drawing figures: up to a minute")
    return in_step(_report, options)


def _report(options: argparse.Namespace, folder: Folder) -> int:
    place = write(folder, options.readme)
    print(json_text({"summary": place}) if options.json else f"summary: {place}")
    return 0


def write(folder: Folder, readme: Path | None = None) -> str:
    """Write the report and return where the summary is."""
    from ttq_bench.report.build import build_report  # pandas and seaborn: 2 s

    root = folder.results.root
    folder.bring_report()
    summary = build_report(root, readme)
    for places in ("", "pages", "tables", "figures"):
        remove_temporaries(root, REPORT, places)
    if readme is not None:
        remove_temporaries(readme.parent, re.compile(re.escape(readme.name)))
    folder.post_report()
    return f"{folder.url}/{summary.name}" if folder.url else str(summary)
