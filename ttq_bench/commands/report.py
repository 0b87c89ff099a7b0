"""``ttq-bench report``: tables, figures and summary from the records alone."""

import argparse


def write(options: argparse.Namespace) -> int:
    """Write the report, print where the summary is, and return 0."""
    from ttq_bench.report.build import build_report  # pandas and seaborn: 2 s

    summary = build_report(options.results, getattr(options, "readme", None))
    print(f"summary: {summary}")
    return 0
