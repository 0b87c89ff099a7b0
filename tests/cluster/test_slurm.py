"""``slurm.sbatch`` on two hosts of this machine, with shell scripts in the place of Slurm.

The stand-ins know of Slurm what the file uses: its variables, ``srun`` on each node or on one,
``scontrol show hostnames``. A task sees the network, the processes and the ``/tmp`` of its host
alone, for ``ray symmetric-run`` refuses a node where Ray runs, and ``ray stop`` ends every Ray that
it sees. Slurm itself was not tried.
"""

import contextlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.clusters import kill_all
from tests.faults.namespaces import Hosts
from tests.tiny_suite import tiny_specs, write_suite
from ttq_bench.records.attempts.lease import read_lease
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.store import read_record

SCRIPT = Path("suites/cluster/slurm.sbatch")
SBATCH = """#!/usr/bin/env bash
export SLURM_JOB_ID=7 SLURM_JOB_NODELIST='ttq[1-2]' SLURM_JOB_NUM_NODES=2 SLURM_CPUS_ON_NODE=1
exec bash "$@"
"""
SCONTROL = """#!/usr/bin/env bash
[ "$*" = 'show hostnames ttq[1-2]' ] && printf '%s\\n' ttq1 ttq2
"""
SRUN = """#!/usr/bin/env bash
hosts='ttq1 ttq2'
while [[ $1 == --* ]]; do
  [[ $1 != --nodelist=* ]] || hosts="${1#--nodelist=}"
  shift
done
tasks=()
for host in $hosts; do
  ip netns exec "$host" unshare --mount --pid --mount-proc --fork --kill-child \\
    sh -c 'mkdir -p /tmp/ray && mount -t tmpfs none /tmp/ray && exec "$@"' sh "$@" &
  tasks+=($!)
done
code=0
for task in "${tasks[@]}"; do wait "$task" || code=$?; done
exit "$code"
"""


@contextlib.contextmanager
def slurm(folder):
    """Yield a function that submits a suite and waits for the end of its job."""
    if os.getuid() or not all(map(shutil.which, ("ip", "unshare"))):
        pytest.skip("needs root, ip and unshare")
    programs = folder / "bin"
    programs.mkdir()
    for name, text in {"sbatch": SBATCH, "srun": SRUN, "scontrol": SCONTROL}.items():
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    here = Path(sys.executable).parent
    env = os.environ | {
        "PATH": f"{programs}:{here}:{os.environ['PATH']}", "HOME": str(folder), "TMPDIR": "/tmp",
        "TTQ_BENCH_TEST": str(folder),
        "RAY_gcs_rpc_server_reconnect_timeout_s": "5",  # how long workers wait for a head
    }  # fmt: skip

    def submit(*words):
        return subprocess.run(
            ["sbatch", str(SCRIPT.resolve()), *map(str, words)],
            cwd=folder, env=env, timeout=400, check=False, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    try:
        hosts = Hosts(2)
    except (AssertionError, FileNotFoundError) as error:
        pytest.skip(f"no network namespaces here: {str(error).splitlines()[0]}")
    try:
        yield submit
    finally:
        kill_all(folder)
        hosts.remove()


@pytest.mark.slow
@pytest.mark.ray
def test_a_job_of_slurm_trains_on_each_of_its_nodes_and_ends_with_them(cache, tmp_path):
    alone = {"epochs": 1, "methods": ("full_precision",), "seeds": [0, 1]}
    suite, results = write_suite(tmp_path, **alone), ResultsPaths(tmp_path / "results")
    with slurm(tmp_path) as submit:
        done = submit(suite, "--results", results.root, "--no-report")
    assert done.returncode == 0, done.stdout
    assert "2/2 trials, 2/2 epochs" in done.stdout
    paths = [results.trial(spec.trial_id) for spec in tiny_specs(cache, **alone)]
    assert [read_record(path.record).epochs_done for path in paths] == [1, 1]
    assert len({read_lease(path.attempt(1)).node for path in paths}) == 2
    assert not list(tmp_path.glob(".slurm-*"))


AWAY = "#!/bin/sh\n"  # as `ray symmetric-run`, which ends with 0 where Ray does not start
ONE_NODE = """#!/usr/bin/env bash
while [[ $1 == --* ]]; do shift; done
exec "$@"
"""
CALLED = """#!/usr/bin/env bash
[ "$1" = symmetric-run ] || exit 0
while [ "$1" != -- ]; do shift; done
shift
"$@"
exit 0
"""


@pytest.mark.parametrize(
    ("srun", "ray", "code", "told"),
    [
        (AWAY, AWAY, 69, "slurm.sbatch: Ray did not start on all nodes; see the lines above"),
        (ONE_NODE, CALLED, 2, "has no profiles; leave out --profile none"),
    ],
    ids=["no Ray", "refused"],
)
def test_a_job_ends_with_the_code_of_the_run_whatever_ray_says(tmp_path, srun, ray, code, told):
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, text in {"sbatch": SBATCH, "scontrol": SCONTROL, "srun": srun, "ray": ray}.items():
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    path = f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    words = [write_suite(tmp_path), "--profile", "none", "--results", tmp_path / "results"]
    done = subprocess.run(
        ["sbatch", SCRIPT.resolve(), *words], cwd=tmp_path, check=False, timeout=120,
        env=os.environ | {"PATH": path}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    assert told in done.stderr
    assert not list(tmp_path.glob(".slurm-*"))


def test_the_file_asks_slurm_for_one_task_on_each_of_its_nodes_alone():
    asked = set(re.findall(r"^#SBATCH (\S+)$", SCRIPT.read_text(), re.MULTILINE))
    assert {"--ntasks-per-node=1", "--exclusive", "--nodes=2"} <= asked
