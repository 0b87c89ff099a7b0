"""``ttq-bench doctor``: check this machine or cluster, with advice for each problem."""

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ttq_bench.commands.option_values import address, results_place, time_span
from ttq_bench.commands.options import add_data_option, add_json_option, add_results_option
from ttq_bench.data.identity import cache_folder
from ttq_bench.doctor import cluster, images, machine, node_report, versions
from ttq_bench.doctor import results as results_checks
from ttq_bench.doctor.cluster import Visit
from ttq_bench.doctor.finding import Finding, carried_out, exit_code, refused
from ttq_bench.errors import TtqBenchError, no_ray, unwritable
from ttq_bench.execution.ray import security
from ttq_bench.execution.resources import detect_machine
from ttq_bench.text import aligned, duration, json_text, one_line, without_credentials
from ttq_bench.trial.settings import ClusterOptions

DESCRIPTION = """\
Check this machine before a run: versions, GPU and driver, cores, memory, disk, images, the results
folder. With --cluster or --address also each node of a Ray cluster. Each problem comes with advice;
the exit code is that of the first problem, 0 if there is none."""
EXAMPLES = (
    "ttq-bench doctor",
    "ttq-bench doctor --address head:6379 --results /shared/results --timeout 30s",
)
HEADINGS = ("node", "host", "cores", "GPUs", "step ms", "clock s", "memory GB", "disk GB", "code",
            "results", "images")  # fmt: skip


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add: what to look at, and how long to wait for the nodes of a cluster."""
    add_results_option(parser, results_place)
    add_data_option(parser)
    parser.add_argument(
        "--cluster", action="store_true",
        help="also check each node of the Ray cluster here, or of a Ray that is started for this",
    )  # fmt: skip
    parser.add_argument(
        "--address", type=address, metavar="HOST:PORT", help="check the nodes of this Ray cluster"
    )
    parser.add_argument(
        "--timeout", type=time_span, default="120s", metavar="TIME", help="how long nodes may take"
    )
    add_json_option(parser)


def run(options: argparse.Namespace) -> int:
    """Print the tables and return 0, or the exit code that a run would end with."""
    results, data_dir = options.results, options.data_dir.resolve()
    if isinstance(results, Path):
        results = results.resolve()
    checks = _checks(results, data_dir, cache_folder())
    found = [row for name, check in checks.items() for row in carried_out(name, check)]
    wants_cluster = options.cluster or options.address is not None
    if not options.json:
        _print_findings(found)
        if wants_cluster:
            print(f"\nasking each node, for {duration(options.timeout)} at most", flush=True)
    seen, of_cluster = _cluster(options, results, data_dir) if wants_cluster else ([], [])
    if options.json:
        print(json_text(_document(found, seen, of_cluster)))
    elif wants_cluster:
        if seen:
            print("\n".join(aligned([HEADINGS, *map(_cells, seen)])))
        _print_findings(of_cluster)
    return exit_code([*found, *of_cluster])


def _checks(
    results: Path | str, data_dir: Path, cache: Path
) -> Mapping[str, Callable[[], list[Finding]]]:
    """Return every check of this machine, in the order of the table.

    Its name is that of its row where it cannot be carried out.
    """
    return {
        "versions": versions.check,
        "gpu": machine.check_gpus,
        "cores": machine.check_cores,
        "memory": machine.check_memory,
        "disk": lambda: machine.check_disk(results, cache),
        "shared memory": machine.check_shared_memory,
        "images": lambda: images.check(data_dir, cache),
        machine.RAY_ACCESS: machine.check_token,
        "clock": versions.check_clock,
        "results": lambda: results_checks.check(results),
    }


def _cluster(
    options: argparse.Namespace, results: Path | str, data_dir: Path
) -> tuple[list[Visit], list[Finding]]:
    """Return the nodes and what is wrong with them; a cluster that cannot be asked is a problem."""
    try:
        security.prepare(options.address, None)
        return _visited(options, results, data_dir)
    except TtqBenchError as error:
        return [], [refused("cluster", error)]


def _visited(
    options: argparse.Namespace, results: Path | str, data_dir: Path
) -> tuple[list[Visit], list[Finding]]:
    try:
        from ttq_bench.execution.ray.doctor import ask_nodes  # 1 s, once its environment is set
    except ImportError as error:
        raise no_ray(error) from error
    here = detect_machine()
    where = ClusterOptions(here.cores, here.gpus, options.address)
    own_images = images.look(data_dir, cache_folder())
    try:
        with results_checks.token_in(results) as (place, token):
            given = {"data_dir": str(data_dir), "token_place": place, "token": token}
            answers = ask_nodes(where, node_report.look, given, options.timeout)
    except OSError as error:
        raise unwritable(results, error) from error
    seen = cluster.visits(answers)
    driver = cluster.Driver(node_report.code(), own_images, str(results), str(data_dir))
    return seen, cluster.judged(seen, driver)


def _document(
    found: Sequence[Finding], seen: Sequence[Visit], of_cluster: Sequence[Finding]
) -> dict[str, Any]:
    return {
        "checks": [row.fields() for row in found],
        "nodes": [asdict(visit) for visit in seen],
        "cluster": [row.fields() for row in of_cluster],
    }


def _cells(visit: Visit) -> tuple[str, ...]:
    node, seen = visit.node, visit.report
    if seen is None:
        return _shown(visit.name), _shown(visit.reason)
    complete = sum(images.state == "present" for images in seen.images.values())
    cells = (
        visit.name,
        seen.host,
        f"{node.cores:.0f}",
        f"{node.gpus:.0f}",
        f"{seen.step_ms:.0f}",
        f"{visit.skew_seconds:+.1f}",
        f"{seen.memory_free / machine.GB:.1f}",
        f"{seen.results_free / machine.GB:.1f}",
        seen.code.get("arithmetic", "unknown"),
        seen.results or "the same",
        f"{complete} of {len(seen.images)}",
    )
    return tuple(map(_shown, cells))


def _print_findings(found: Sequence[Finding]) -> None:
    width = max(len(row.check) for row in found)
    for row in found:
        print(f"{row.state:9}{row.check:{width}}  {_shown(row.found)}")
        if row.advice:
            print(f"{'':9}{'':{width}}  -> {_shown(row.advice)}")


def _shown(text: str) -> str:
    """Return a text to print; parts of it come from other machines."""
    return one_line(without_credentials(text))
