"""What is committed under results/ and in the README is what the records give."""

import subprocess
from pathlib import Path

import pytest

from ttq_bench.cli import main
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.store import read_records

REPOSITORY = Path(__file__).parents[2]
RESULTS = REPOSITORY / "results"


@pytest.fixture(autouse=True)
def as_committed():
    """Skip where the files are not the committed ones: a user's own runs are no fault."""
    command = ["git", "-C", str(REPOSITORY), "status", "--porcelain", "--", "results", "README.md"]
    git = subprocess.run(command, capture_output=True, text=True, check=False)
    if git.returncode or git.stdout:
        pytest.skip("results/ is not as committed")


def test_every_cell_of_the_report_is_the_one_that_the_records_give(capsys):
    words = ["verify", "--results", str(RESULTS), "--readme", str(REPOSITORY / "README.md")]
    code = main(words)
    told = capsys.readouterr()
    assert code == 0, told.out + told.err


def test_no_committed_record_comes_from_changed_code():
    commits = [r.provenance.get("commit", "unknown") for r in read_records(ResultsPaths(RESULTS))]
    assert not [commit for commit in commits if "dirty" in commit]
