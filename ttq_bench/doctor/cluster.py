"""The nodes of a cluster against the driver: where they differ, and what to do about it."""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import pydantic

from ttq_bench.data.catalog import is_streamed
from ttq_bench.doctor.finding import Finding
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
    """Yield what is wrong with a node; one without cores runs no trials, so all is a warning."""
    for row in _differences(visit, driver):
        if row.state == "problem" and not visit.node.cores:
            yield replace(row, state="warning", found=f"{row.found} (no cores for trials there)")
        else:
            yield row


def _differences(visit: Visit, driver: Driver) -> Iterator[Finding]:
    report = visit.report
    if report is None:
        advice = f"look at that machine, wait longer (`--timeout`), or {UPDATE}"
        yield _problem(visit, visit.reason, advice)
        return
    yield from _code(visit, report.code, driver.code)
    yield from _images(visit, report.images, driver)
    if report.results:
        yield _problem(visit, f"{driver.results}: {report.results}", _way_to(driver.results))
    if abs(visit.skew_seconds) > SKEW_SECONDS:
        skew = f"its clock is {visit.skew_seconds:+.1f} s from the one here"
        yield _warning(visit, skew, "let both be set by NTP: leases are dated by them")
    if report.memory_free < RAY_BYTES + TRIAL_BYTES:
        free = f"{report.memory_free / 1e9:.1f} GB of memory free"
        yield _warning(visit, free, "end other programs there: a trial and Ray take 1.8 GB")
    for name, free_bytes in (("results", report.results_free), ("cache", report.cache_free)):
        row = judged_disk(visit.name, f"its {name} folder", free_bytes, "another folder")
        if row.state != "ok":
            yield replace(row, code=CODE)
    if visit.node.gpus > report.gpus:
        counts = f"Ray counts {visit.node.gpus:.0f} GPUs, torch sees {report.gpus}"
        yield _problem(visit, counts, "run `ttq-bench doctor` there: its row of the GPU says why")


def _code(visit: Visit, theirs: Mapping[str, str], ours: Mapping[str, str]) -> Iterator[Finding]:
    theirs = {name: theirs.get(name, "unknown") for name in ours}
    differ = [name for name in VERSIONS if theirs[name] != ours[name]]
    versions = [f"{name} {theirs[name]} (here {ours[name]})" for name in differ]
    if theirs["arithmetic"] != ours["arithmetic"]:
        other = f"other code computes there: {theirs['arithmetic']} (here {ours['arithmetic']})"
        advice = f"{UPDATE}: its trials would be refused"
        yield _problem(visit, ", ".join([other, *versions]), advice)
    elif versions:
        yield _warning(visit, ", ".join(versions), f"{UPDATE}: last bits may differ")
    elif theirs["commit"] != ours["commit"]:
        other = f"commit {theirs['commit']} (here {ours['commit']}), the same where it computes"
        yield _warning(visit, other, UPDATE)


def _images(visit: Visit, seen: Mapping[str, Seen], driver: Driver) -> Iterator[Finding]:
    for name, ours in driver.images.items():
        theirs = seen.get(name, Seen("unusable", "unknown there"))
        sent = theirs.state == "absent" and not is_streamed(name)  # a run brings them there
        if theirs.fingerprint == ours.fingerprint or sent:
            continue
        difference = f"{name}: {theirs.told} (here {ours.told})"
        if ours.fingerprint:
            advice = f"put the same files into {driver.data_dir} there, or share that folder"
            yield _problem(visit, difference, advice)
        else:
            yield _warning(
                visit, difference, f"put these files into {driver.data_dir} here as well"
            )


def _way_to(results: str) -> str:
    if is_url(results):
        return "give Ray's processes there the credentials and the endpoint that are used here"
    return "mount the shared folder there under the same path, writable for Ray's user"


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
                slow = f"a step takes {step:.0f} ms, {usual:.0f} on most nodes"
                yield _warning(visit, slow, "see whether something else runs there (`top`)")


def _problem(visit: Visit, found: str, advice: str) -> Finding:
    return Finding(visit.name, found, "problem", advice, CODE)


def _warning(visit: Visit, found: str, advice: str) -> Finding:
    return Finding(visit.name, found, "warning", advice, CODE)
