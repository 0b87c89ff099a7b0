"""``ttq-bench report``: tables, figures and summary from the records alone."""

import argparse
import re
from pathlib import Path

from ttq_bench.commands.at_url import folder_of
from ttq_bench.files import remove_temporaries
from ttq_bench.records.remote.names import REPORT


def write(options: argparse.Namespace) -> int:
    """Write the report, print where the summary is, and return 0."""
    from ttq_bench.report.build import build_report  # pandas and seaborn: 2 s

    readme: Path | None = getattr(options, "readme", None)
    folder_of(options).bring_report()
    summary = build_report(options.results, readme)
    for places in ("", "tables", "figures"):
        remove_temporaries(options.results, REPORT, places)
    if readme is not None:
        remove_temporaries(readme.parent, re.compile(re.escape(readme.name)))
    folder_of(options).post_report()
    print(f"summary: {f'{options.url}/{summary.name}' if options.url else summary}")
    return 0
