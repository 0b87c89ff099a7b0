"""What Ray says where it cannot be used, in sentences of ours; what it says is Ray's own."""

import pytest
from ray import exceptions
from ray._private.utils import check_version_info, validate_socket_filepath

from ttq_bench.errors import TtqBenchError
from ttq_bench.execution.ray.start import of_task, refusal


def test_a_cluster_of_other_versions_is_told_with_both_versions():
    with pytest.raises(RuntimeError, match="Version mismatch") as told:
        check_version_info({"ray_version": "2.51.0", "python_version": "3.12.1"}, "node here")
    said = refusal(told.value, "head:6379")
    assert said.startswith(
        "the Ray cluster at head:6379 has Ray 2.51.0 on Python 3.12.1, this machine Ray 2."
    )
    assert "\n" not in said


@pytest.mark.parametrize("name", ["TMPDIR", "RAY_TMPDIR"])
def test_a_folder_too_long_for_sockets_is_told_by_the_variable_that_names_it(monkeypatch, name):
    for variable in ("RAY_TMPDIR", "TMPDIR", "TEMP", "TMP"):
        monkeypatch.delenv(variable, raising=False)
    long = "/" + 90 * "x"
    monkeypatch.setenv(name, long)
    with pytest.raises(OSError, match="AF_UNIX") as told:
        validate_socket_filepath(f"{long}/ray/session_2026/sockets/plasma_store")
    said = refusal(told.value, None)
    assert said.startswith(f"Ray here cannot be used: {name} ({long}) is too long a path")
    assert said.endswith(f"for example {name}=/tmp")


def test_all_else_is_told_by_its_first_line_and_another_way():
    assert refusal(RuntimeError("no\nreason"), None) == (
        "Ray here cannot be used (RuntimeError: no); --backend inprocess runs without Ray"
    )


@pytest.mark.parametrize(
    ("cause", "said"),
    [
        (TtqBenchError("/data: no room;\nfree some"), "/data: no room;\nfree some"),
        (OSError(28, "No space left"), "OSError: [Errno 28] No space left"),
        (ValueError("no such\nthing"), "ValueError: no such"),
    ],
)
def test_of_a_task_the_error_of_its_own_code_is_told(cause, said):
    error = exceptions.RayTaskError("_run", "ray::_run() (pid=1)\nTraceback", cause)
    for raised in (error, error.as_instanceof_cause()):
        assert of_task(raised) == said


def test_of_a_task_that_raised_nothing_is_told_what_ray_says():
    assert of_task(exceptions.OutOfMemoryError("it ran out")).startswith("OutOfMemoryError: ")
