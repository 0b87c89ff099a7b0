"""``ray up``, ``ray submit`` and ``ray down`` by ``suites/cluster/local.yaml`` over real ssh."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

from tests.cluster.ssh_host import ADDRESS, ssh_host
from tests.cluster.started import NEEDS_DASHBOARD, token_environment
from tests.faults.namespaces import RAY
from tests.tiny_suite import tiny_specs, write_suite
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.store import read_record

pytestmark = [
    pytest.mark.slow,
    pytest.mark.ray,
    pytest.mark.skipif(not find_spec("aiohttp_cors"), reason=NEEDS_DASHBOARD),
]
CLUSTER = Path("suites/cluster")


def local_cluster(host):
    """Return the shipped file, filled in; the environment of the tests stands for an installed one.

    A head of one core and no worker: two nodes of one machine would stop each other.
    """
    config = yaml.safe_load((CLUSTER / "local.yaml").read_text())
    config["cluster_name"] = f"ttq-bench-test-{os.getpid()}"
    config["provider"] |= {"head_ip": ADDRESS, "worker_ips": []}
    config["auth"] |= {"ssh_user": "root", "ssh_private_key": str(host.folder / "key")}
    assert "pip install" in config["setup_commands"][1]
    config["setup_commands"][1] = f"ln -sfn {sys.prefix} ~/ttq_bench/.venv"
    config["head_start_ray_commands"][1] += " --num-cpus=1 --object-store-memory=100000000"
    path = host.folder / "cluster.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


def test_a_cluster_is_brought_up_used_and_taken_down_over_ssh(cache, tmp_path):
    with ssh_host(tmp_path / "host") as host:
        token = host.folder / "here" / ".ray"
        token.mkdir()
        token_environment(token)
        cluster = local_cluster(host)
        up = host.call(RAY, "up", "--yes", "--no-config-cache", cluster)
        assert up.returncode == 0, up.stdout

        alone = {"epochs": 1, "methods": ("full_precision",)}
        suite, results = write_suite(tmp_path, **alone), ResultsPaths(tmp_path / "results")
        send = [RAY, "submit", cluster, CLUSTER / "on_head.py", "--", suite]
        send += ["--no-report", "--threads", "1"]
        refused = host.call(*send, "--results", "results")
        assert refused.returncode != 0
        assert "expected an absolute path that every node of the cluster sees" in refused.stdout
        done = host.call(*send, "--results", results.root)
        assert done.returncode == 0, done.stdout
        (spec,) = tiny_specs(cache, **alone)
        assert read_record(results.trial(spec.trial_id).record).epochs_done == 1

        assert "gcs_server" in host.call("ps", "-ww", "-eo", "args").stdout
        down = host.call(RAY, "down", "--yes", cluster)
        assert down.returncode == 0, down.stdout
        assert "gcs_server" not in host.call("ps", "-ww", "-eo", "args").stdout
