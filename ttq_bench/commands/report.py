"""``ttq-bench report``: tables, figures and summary from the records alone."""

import argparse
from pathlib import Path

from ttq_bench.commands.at_url import folder_of
from ttq_bench.files import remove_temporaries


def write(options: argparse.Namespace) -> int:
    """Write the report, print where the summary is, and return 0."""
    from ttq_bench.report.build import build_report  # pandas and seaborn: 2 s

    readme: Path | None = getattr(options, "readme", None)
    summary = build_report(options.results, readme)
    for folder in (options.results, options.results / "tables", options.results / "figures"):
        remove_temporaries(folder)
    if readme is not None:
        remove_temporaries(readme.parent, f".{readme.name}.*.tmp")
    folder_of(options).post_report()
    print(f"summary: {f'{options.url}/{summary.name}' if options.url else summary}")
    return 0
