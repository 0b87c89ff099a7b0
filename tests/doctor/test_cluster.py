"""Nodes against the driver, for what cannot be made on one machine."""

from dataclasses import replace

import pytest

from ttq_bench.doctor.cluster import Driver, Visit, judged, visits
from ttq_bench.doctor.images import Seen
from ttq_bench.doctor.node_report import NodeReport
from ttq_bench.execution.ray.nodes import Answer, Node

CODE = {
    "python": "3.11.7", "torch": "2.15.0", "torchvision": "0.29", "ray": "2.60.0", "numpy": "2.4",
    "pandas": "3", "scipy": "1", "pyarrow": "20", "ttq_bench": "0.1.0",
    "commit": "aaaa", "arithmetic": "bbbb",
}  # fmt: skip
IMAGES = {"mnist": Seen("present", "mnist-png", "sha256:1")}
DRIVER = Driver(CODE, IMAGES, "/results", "/data")
NODE_REPORT = NodeReport("host", CODE, IMAGES, "", 10**10, 10**10, 10**10, 0, 100.0, 0.0)
NODE = Node("abcdef123", "10.0.0.1", 1, 4.0, 0.0, alive=True)


def visit(node=NODE, skew=0.0, **changes):
    return Visit(node, replace(NODE_REPORT, **changes), "", skew)


def states(*seen):
    return [(row.state, row.code if row.state == "problem" else 0) for row in judged(seen, DRIVER)]


def test_nodes_that_see_all_as_the_driver_are_one_row():
    (row,) = judged([visit(), visit()], DRIVER)
    assert (row.state, row.found) == ("ok", "2 of 2 nodes answered, 8 cores and 0 GPUs")


@pytest.mark.parametrize(
    ("changes", "state", "words"),
    [
        ({"code": CODE | {"numpy": "2.5"}}, "warning", "numpy 2.5 (here 2.4)"),
        ({"code": CODE | {"commit": "cccc"}}, "warning", "commit cccc (here aaaa)"),
        ({"code": CODE | {"arithmetic": "dddd", "torch": "2.14"}}, "problem",
         "other code computes there: dddd (here bbbb), torch 2.14 (here 2.15.0)"),
        ({"code": {}}, "problem", "other code computes there: unknown"),
        ({"images": {}}, "problem", "mnist: unknown there (here mnist-png)"),
        ({"images": {"mnist": Seen("unusable", "half")}}, "problem", "mnist: half"),
        ({"results": "is not there"}, "problem", "/results: is not there"),
        ({"skew": 5.1}, "warning", "its clock is +5.1 s"),
        ({"skew": -5.1}, "warning", "its clock is -5.1 s"),
        ({"memory_free": 10**9}, "warning", "1.0 GB of memory free"),
        ({"results_free": 10**8}, "warning", "0.1 GB free at its results folder"),
        ({"cache_free": 10**7}, "problem", "0.0 GB free at its cache folder"),
        ({"node": replace(NODE, gpus=2.0), "gpus": 1}, "problem", "Ray counts 2 GPUs, torch sees"),
    ],
)  # fmt: skip
def test_a_node_that_differs_is_told_with_advice(changes, state, words):
    _, row = judged([visit(**changes)], DRIVER)
    assert (row.check, row.state) == ("10.0.0.1 abcdef", state)
    assert words in row.found
    assert row.advice
    assert row.code == 69


@pytest.mark.parametrize(
    "changes",
    [
        {"skew": 5.0}, {"skew": -5.0}, {"gpus": 8},
        {"images": {"mnist": Seen("absent", "not in /data")}},  # a run sends them
    ],
)  # fmt: skip
def test_what_is_allowed_is_not_told(changes):
    assert states(visit(**changes)) == [("ok", 0)]


def test_images_that_are_read_from_files_have_to_be_on_every_node():
    there = {"imagenet": Seen("present", "imagenet", "sha256:1")}
    absent = {"imagenet": Seen("absent", "not in /data")}
    _, row = judged([visit(images=absent)], replace(DRIVER, images=there))
    assert (row.state, row.found) == ("problem", "imagenet: not in /data (here imagenet)")


def test_images_that_only_a_node_has_are_no_problem_there():
    driver = replace(DRIVER, images={"mnist": Seen("absent", "not in /data")})
    _, row = judged([visit()], driver)
    assert (row.state, row.advice) == ("warning", "put these files into /data here as well")


def test_a_node_without_cores_keeps_no_trial_from_running():
    head = replace(NODE, cores=0.0)
    _, row = judged([visit(head, results="is not there"), visit()], DRIVER)
    assert row.state == "warning"
    assert row.found.endswith("(no cores for trials there)")


def test_a_cluster_without_cores_is_a_problem():
    assert states(visit(replace(NODE, cores=0.0))) == [("problem", 69)]


def test_a_node_that_takes_more_than_twice_the_usual_step_is_told():
    seen = [visit(step_ms=ms) for ms in (90.0, 100.0, 110.0)]
    assert states(*seen) == [("ok", 0)]
    slow = visit(replace(NODE, address="10.0.0.9"), step_ms=201.0)
    _, row = judged([*seen[:2], slow], DRIVER)
    assert (row.check, row.state) == ("10.0.0.9 abcdef", "warning")
    assert row.found == "a step takes 201 ms, 100 on most nodes"


def test_a_node_with_a_gpu_is_compared_with_its_like():
    cores = [visit(step_ms=100.0) for _ in range(2)]
    assert states(*cores, *(visit(gpus=1, step_ms=2.0) for _ in range(3))) == [("ok", 0)]


def test_an_answer_in_another_form_comes_from_other_code():
    (found,) = visits([Answer(NODE, {"host": "there"}, 0.0)])
    assert (found.report, found.reason) == (None, "answers as other code does")


def test_a_clock_is_compared_with_the_moment_of_the_answer():
    fields = {name: getattr(NODE_REPORT, name) for name in NodeReport.__slots__} | {"clock": 107.0}
    (found,) = visits([Answer(NODE, fields, 100.0)])
    assert found.skew_seconds == 7.0
