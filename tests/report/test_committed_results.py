"""What is committed under results/ is what its records give."""

import re
import subprocess
from pathlib import Path

import pytest

from ttq_bench.analysis.asymmetry import asymmetry
from ttq_bench.analysis.comparison import compare_arms
from ttq_bench.analysis.tables import load_tables
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.report.readme import BEGIN, END, findings_block

REPOSITORY = Path(__file__).parents[2]
RESULTS = REPOSITORY / "results"


@pytest.fixture(scope="module")
def tables():
    """Return the committed tables; own runs of a user add records, which is no fault."""
    command = ["git", "-C", str(REPOSITORY), "status", "--porcelain", "--", "results", "README.md"]
    git = subprocess.run(command, capture_output=True, text=True, check=False)
    if git.returncode or git.stdout:
        pytest.skip("results/ is not as committed")
    return load_tables(ResultsPaths(RESULTS))


def test_the_readmes_table_is_the_one_that_the_records_give(tables):
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    block = readme.partition(BEGIN)[2].partition(END)[0]
    assert block.strip() == findings_block(compare_arms(tables), asymmetry(tables)).strip()


def test_the_summary_links_every_record(tables):
    page = (RESULTS / "summary.md").read_text(encoding="utf-8")
    linked = set(re.findall(r"\(trials/([^/]+)/record\.json\)", page))
    assert linked == set(tables.trials["trial_id"])


def test_no_committed_record_comes_from_changed_code(tables):
    assert not [commit for commit in tables.trials["commit"] if "dirty" in commit]
