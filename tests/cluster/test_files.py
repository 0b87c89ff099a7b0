"""The files in ``suites/cluster``: what Ray's own schema says of them, and what must not be lost.

``kuberay.yaml`` was held by hand against KubeRay's types and, its pods and its claim, against the
schemas of Kubernetes 1.37; neither ships with a package that is used here.
"""

import re
import stat
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml

from ttq_bench import __version__
from ttq_bench.cli import make_parser
from ttq_bench.provenance import COMMIT_FILE

CLUSTER = Path("suites/cluster")
DOCKERFILE = (CLUSTER / "Dockerfile").read_text()
IMAGE = f"REGISTRY/ttq-bench:{__version__}"


def kuberay():
    """Return the claim for storage and the RayJob."""
    return list(yaml.safe_load_all((CLUSTER / "kuberay.yaml").read_text()))


def pods():
    """Return the specifications of the pods: submitter, head, workers."""
    spec = kuberay()[1]["spec"]
    cluster = spec["rayClusterSpec"]
    groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    templates = [spec["submitterPodTemplate"], *(group["template"] for group in groups)]
    return [template["spec"] for template in templates]


# In a process of its own: Ray looks at its environment when it is imported.
VALIDATE = """
import sys, yaml
from ray.autoscaler._private.util import prepare_config, validate_config
validate_config(prepare_config(yaml.safe_load(sys.stdin)))
"""


@pytest.mark.parametrize("name", ["local", "aws", "gcp"])
def test_a_launcher_file_is_one_for_ray_itself(name):
    text = (CLUSTER / f"{name}.yaml").read_text()
    assert f"type: {name}\n" in text
    assert validated(text) == ""
    assert "Additional properties are not allowed" in validated(text + "no_such_field: 1\n")


def validated(text):
    """Return why Ray refuses a file of its launcher, empty if it does not."""
    words = [sys.executable, "-c", VALIDATE]
    done = subprocess.run(words, input=text, capture_output=True, text=True, check=False)
    return done.stderr if done.returncode else ""


@pytest.mark.parametrize("name", ["local", "aws", "gcp"])
def test_every_node_of_a_launcher_file_asks_for_the_user_s_token(name):
    config = yaml.safe_load((CLUSTER / f"{name}.yaml").read_text())
    assert config["file_mounts"]["~/.ray/auth_token"] == "~/.ray/auth_token"
    if "docker" in config:  # the image says so
        assert config["docker"]["image"] == IMAGE
        assert "RAY_AUTH_MODE=token" in DOCKERFILE
        return
    for kind in ("head", "worker"):
        stop, start = config[f"{kind}_start_ray_commands"]
        assert stop == "ray stop"
        assert "RAY_AUTH_MODE=token" in start


def test_what_local_machines_get_is_there():
    mounts = yaml.safe_load((CLUSTER / "local.yaml").read_text())["file_mounts"]
    assert [mine for mine in mounts.values() if "~" not in mine and not Path(mine).exists()] == []


def test_the_rayjob_is_of_this_ray_with_a_token_and_runs_a_command_that_exists(monkeypatch):
    claim, job = kuberay()
    spec = job["spec"]
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    assert spec["rayClusterSpec"]["rayVersion"] == version("ray")
    assert spec["rayClusterSpec"]["authOptions"] == {"mode": "token"}
    monkeypatch.setenv("RAY_ADDRESS", "head:6379")  # as in a job
    program, *words = spec["entrypoint"].split()
    options = make_parser().parse_args(words)
    assert (program, options.address) == ("ttq-bench", "auto")
    assert Path("suites", options.suite.name).exists()
    mounts = [mount["mountPath"] for mount in pods()[1]["containers"][0]["volumeMounts"]]
    for path in (options.results, options.data_dir):
        assert any(path.is_relative_to(mount) for mount in mounts)
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]


def test_no_pod_runs_as_root_or_without_bounds():
    assert len(pods()) == 3
    for pod in pods():
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] == 1000
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        (container,) = pod["containers"]
        assert container["image"] == IMAGE
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        for bounds in ("requests", "limits"):
            assert {"cpu", "memory"} <= container["resources"][bounds].keys()


def test_head_and_workers_see_the_same_storage():
    for pod in pods()[1:]:
        assert [v["persistentVolumeClaim"]["claimName"] for v in pod["volumes"]] == ["ttq-bench"]
        assert pod["containers"][0]["volumeMounts"] == [{"name": "shared", "mountPath": "/shared"}]


def test_the_image_is_pinned_and_its_user_is_not_root():
    assert re.search(r"^ARG BASE=python:3\.\d+\.\d+-slim-[a-z]+$", DOCKERFILE, re.MULTILINE)
    assert "--no-deps --require-hashes" in " ".join(DOCKERFILE.replace("\\\n", " ").split())
    assert re.findall(r"^USER (.+)$", DOCKERFILE, re.MULTILINE) == ["1000:1000"]
    assert f"ttq_bench/{COMMIT_FILE}" in DOCKERFILE


def test_the_image_gets_what_its_dockerfile_copies():
    sent = (CLUSTER / "Dockerfile.dockerignore").read_text().splitlines()
    copied = re.findall(r"^COPY ((?:[\w.]+ )+)\S+$", DOCKERFILE, re.MULTILINE)
    names = {name for line in copied for name in line.split()}
    assert names == {line[1:] for line in sent if line.startswith("!")}
    assert all(Path(name).exists() for name in names)


def test_the_lines_for_one_machine_name_this_image_and_a_command_that_exists():
    page = (CLUSTER / "README.md").read_text()
    (build,) = re.findall(r"^docker build (.*)$", page, re.MULTILINE)
    assert build == f"-f {CLUSTER}/Dockerfile -t ttq-bench:{__version__} ."
    options, words = re.findall(rf"docker run (.*) ttq-bench:{__version__} ttq-bench (.*)$", page,
                                re.MULTILINE)[0]  # fmt: skip
    given = make_parser().parse_args(words.split())
    assert f":{given.results}" in options
    assert given.suite.is_file()


def test_no_secret_lies_in_these_files():
    for path in CLUSTER.iterdir():
        assert "BEGIN " not in path.read_text()
        assert not path.stat().st_mode & stat.S_IWOTH
