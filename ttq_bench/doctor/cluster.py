"""The nodes of a cluster against the driver: where they differ, and what to do about it."""

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import pydantic

from ttq_bench.data.catalog import is_streamed
from ttq_bench.doctor.finding import Finding, State
from ttq_bench.doctor.images import Seen
from ttq_bench.doctor.machine import RAY_BYTES, TRIAL_BYTES, judged_disk
from ttq_bench.doctor.node_report import NODE_REPORT, VERSIONS, NodeReport
from ttq_bench.doctor.versions import SKEW_SECONDS
from ttq_bench.errors import ClusterError
from ttq_bench.execution.ray.nodes import Answer, Node
from ttq_bench.records.remote.objects import is_url

CODE = ClusterError.exit_code
SLOW = 2.0  # times the median step: one machine's nodes differ by half under load
UPDATE = "bring all machines to one commit and one requirements.lock"


@dataclass(frozen=True, slots=True)
class Driver:
    """What the driver itself has, to compare with."""

    code: Mapping[str, str]
    images: Mapping[str, Seen]
    results: str
    data_dir: str


@dataclass(frozen=True, slots=True)
class Visit:
    """A node with what it sees, None where it gave no answer: then ``reason`` says why."""

    node: Node
    report: NodeReport | None
    reason: str
    skew_seconds: float = 0.0

    @property
    def name(self) -> str:
        """Return what tells the node from all others in a table."""
        return f"{self.node.address} {self.node.node_id[:6]}"


def visits(answers: Sequence[Answer]) -> list[Visit]:
    """Return the answers as visits; one that is no node report comes from other code."""
    return [_visit(answer) for answer in answers]


def _visit(answer: Answer) -> Visit:
    if answer.told is None:
        return Visit(answer.node, None, answer.reason)
    try:
        report = NODE_REPORT.validate_python(answer.told)
    except pydantic.ValidationError:
        return Visit(answer.node, None, "answers as other code does")
    # The clock is read just before the answer is sent, which takes milliseconds.
    return Visit(answer.node, report, "", report.clock - answer.heard)


def judged(seen: Sequence[Visit], driver: Driver) -> list[Finding]:
    """Return the row of the cluster, then what is wrong with each node."""
    cores = sum(visit.node.cores for visit in seen)
    gpus = sum(visit.node.gpus for visit in seen)
    answered = sum(visit.report is not None for visit in seen)
    found = f"{answered} of {len(seen)} nodes answered, {cores:.0f} cores and {gpus:.0f} GPUs"
    row = Finding("cluster", found)
    if not cores:
        row = replace(row, state="problem", advice="start a node that has cores", code=CODE)
    return [row, *(found for visit in seen for found in _of_node(visit, driver)), *_slow(seen)]


def _of_node(visit: Visit, driver: Driver) -> Iterator[Finding]:
    """Yield what is wrong with a node; one without cores runs no trials, and keeps none from it."""
    if visit.report is None:
        advice = f"look at that machine, wait longer (`--timeout`), or {UPDATE}"
        found = [_problem(visit, visit.reason, advice)]
    else:
        found = [row for check in CHECKS for row in check(visit, visit.report, driver)]
    for row in found:
        if row.state == "problem" and not visit.node.cores:
            yield replace(row, state="warning", found=f"{row.found} (no cores for trials there)")
        else:
            yield row


def _code(visit: Visit, report: NodeReport, driver: Driver) -> Iterator[Finding]:
    mine = driver.code
    theirs = {name: report.code.get(name, "unknown") for name in mine}
    differ = [name for name in VERSIONS if theirs[name] != mine[name]]
    other = [f"{name} {theirs[name]} (here {mine[name]})" for name in differ]
    if theirs["arithmetic"] != mine["arithmetic"]:
        told = f"other code computes there: {theirs['arithmetic']} (here {mine['arithmetic']})"
        yield _problem(visit, ", ".join([told, *other]), f"{UPDATE}: its trials would be refused")
    elif other:
        yield _warning(visit, ", ".join(other), f"{UPDATE}: last bits may differ")
    elif theirs["commit"] != mine["commit"]:
        told = f"commit {theirs['commit']} (here {mine['commit']}), the same where it computes"
        yield _warning(visit, told, UPDATE)


def _images(visit: Visit, report: NodeReport, driver: Driver) -> Iterator[Finding]:
    for name, mine in driver.images.items():
        theirs = report.images.get(name, Seen("unusable", "unknown there"))
        sent = theirs.state == "absent" and not is_streamed(name)  # a run brings them there
        if theirs.fingerprint == mine.fingerprint or sent:
            continue
        told = f"{name}: {theirs.told} (here {mine.told})"
        if mine.fingerprint:
            advice = f"put the same files into {driver.data_dir} there, or share that folder"
            yield _problem(visit, told, advice)
        else:
            yield _warning(visit, told, f"put these files into {driver.data_dir} here as well")


def _results(visit: Visit, report: NodeReport, driver: Driver) -> Iterator[Finding]:
    if report.results:
        advice = "mount the shared folder there under the same path, writable for Ray's user"
        if is_url(driver.results):
            advice = (
                "give Ray's processes there the credentials and the endpoint that are used here"
            )
        yield _problem(visit, f"{driver.results}: {report.results}", advice)


def _clock(visit: Visit, report: NodeReport, driver: Driver) -> Iterator[Finding]:
    del report, driver
    if abs(visit.skew_seconds) > SKEW_SECONDS:
        told = f"its clock is {visit.skew_seconds:+.1f} s from the one here"
        yield _warning(visit, told, "let both be set by NTP: leases are dated by them")


def _room(visit: Visit, report: NodeReport, driver: Driver) -> Iterator[Finding]:
    del driver
    if report.memory_free < RAY_BYTES + TRIAL_BYTES:
        told = f"{report.memory_free / 1e9:.1f} GB of memory free"
        yield _warning(visit, told, "end other programs there: a trial and Ray take 1.8 GB")
    for name, free in (("results", report.results_free), ("cache", report.cache_free)):
        row = judged_disk(visit.name, f"its {name} folder", free, "another folder")
        if row.state != "ok":
            yield replace(row, code=CODE)


def _gpus(visit: Visit, report: NodeReport, driver: Driver) -> Iterator[Finding]:
    del driver
    if visit.node.gpus > report.gpus:
        told = f"Ray counts {visit.node.gpus:.0f} GPUs, torch sees {report.gpus}"
        yield _problem(visit, told, "run `ttq-bench doctor` there: its row of the GPU says why")


CHECKS: Sequence[Callable[[Visit, NodeReport, Driver], Iterator[Finding]]] = (
    _code, _images, _results, _clock, _room, _gpus,
)  # fmt: skip


def _slow(seen: Sequence[Visit]) -> Iterator[Finding]:
    """Yield the nodes whose step takes much longer than that of most others of their kind."""
    for on_gpu in (True, False):
        steps = [
            (visit, visit.report.step_ms)
            for visit in seen
            if visit.report is not None and bool(visit.report.gpus) is on_gpu
        ]
        usual = statistics.median_low(step for _, step in steps) if steps else 0.0
        for visit, step in steps:
            if step > SLOW * usual:
                told = f"a step takes {step:.0f} ms, {usual:.0f} on most nodes"
                yield _warning(visit, told, "see whether something else runs there (`top`)")


def _problem(visit: Visit, told: str, advice: str) -> Finding:
    return _finding(visit, told, "problem", advice)


def _warning(visit: Visit, told: str, advice: str) -> Finding:
    return _finding(visit, told, "warning", advice)


def _finding(visit: Visit, told: str, state: State, advice: str) -> Finding:
    return Finding(visit.name, told, state, advice, CODE)
