"""A file that this user may not read may be good: nobody is told to delete it."""

import os
import shutil
import subprocess

import pytest

from tests.export.conftest import network
from tests.record_builders import make_probe, write_grid
from tests.tiny_suite import COMMAND
from ttq_bench.export.packed_file import packed_bytes
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.plans import PlannedSuite, write_planned
from ttq_bench.records.probes import publish_probe

RIGHTS = "-dac_override,-dac_read_search"  # with these, root reads everything
AS_USER = ("setpriv", f"--bounding-set={RIGHTS}", f"--inh-caps={RIGHTS}") if not os.getuid() else ()
pytestmark = pytest.mark.skipif(
    bool(AS_USER) and shutil.which("setpriv") is None, reason="takes setpriv to give up rights"
)


@pytest.fixture
def results(tmp_path):
    results = ResultsPaths(tmp_path / "results")
    write_grid(results.root)
    trial_id = min(path.name for path in results.trials.iterdir())
    publish_probe(results, make_probe(trial_id))
    write_planned(results, PlannedSuite("cifar", "", "CIFAR", (trial_id,)))
    results.networks.mkdir()
    content = packed_bytes(*network(), {"weights_sha256": "ab"})
    results.trial(trial_id).network.write_bytes(content)
    return results


@pytest.mark.parametrize(
    ("file", "command"),
    [
        ("trials/*/record.json", "status"),
        ("probes/*.json", "report"),
        ("networks/*.safetensors", "networks"),
        pytest.param("trials/*/SHA256SUMS", "networks", marks=pytest.mark.slow),
        pytest.param("trials/*/epochs.parquet", "report", marks=pytest.mark.slow),
        pytest.param("trials/*/record.json", "probe", marks=pytest.mark.slow),
        pytest.param("probes/*.json", "probe", marks=pytest.mark.slow),
        pytest.param("plans/*.json", "report", marks=pytest.mark.slow),
        pytest.param("summary.md", "report", marks=pytest.mark.slow),
    ],
)
def test_a_file_that_this_user_may_not_read_is_to_be_made_readable_not_deleted(
    results, file, command
):
    if file == "summary.md":
        (results.root / file).write_text("my own notes")
    path = min(results.root.glob(file))
    path.chmod(0)

    words = [*AS_USER, *COMMAND, command, "--results", results.root]
    done = subprocess.run(words, capture_output=True, text=True, check=False)

    assert done.returncode == 2
    sentence = f"{path}: cannot be read (Permission denied); give this user the right to read it\n"
    assert done.stderr.endswith(sentence)
    assert "delete" not in done.stderr
    path.chmod(0o600)
