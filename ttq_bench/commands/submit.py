"""``ttq-bench submit``: a run as a job of a Ray cluster, followed from here to its end."""

import argparse
import os
import shlex
import sys

from ttq_bench.commands.option_values import (
    dashboard,
    shared_images,
    shared_path,
    shared_place,
)
from ttq_bench.commands.options import add_ending_options, add_training_options
from ttq_bench.data.sources import is_bundled
from ttq_bench.errors import TtqBenchError, no_ray
from ttq_bench.execution.ray import security
from ttq_bench.suite.reading import read_suite
from ttq_bench.text import printable

DESCRIPTION = """\
Send this package and a suite to a Ray cluster, run the suite there as a job, and print the job's
output until it ends. Ctrl-C leaves the job running. The exit code is that of the run."""
EXAMPLES = (
    "ttq-bench submit demo --address http://head:8265 --results /shared/results",
    "ttq-bench submit cifar --address http://head:8265 --results s3://bucket/results"
    " --data-dir /shared/data",
)
INTERRUPTED = 130
PASSED_ON = (
    "profile", "dataset", "results", "data_dir", "device", "threads", "trials_per_gpu", "ranks",
    "only", "seeds", "time_limit", "silence", "checkpoint_every",
)  # fmt: skip


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add: what to run on which cluster, whose nodes have other folders than this machine."""
    add_training_options(parser, images=shared_images)
    parser.add_argument(
        "--address", type=dashboard, required=True, metavar="URL",
        help="the cluster's dashboard, for example http://head:8265",
    )  # fmt: skip
    parser.add_argument(
        "--results", type=shared_place, required=True, metavar="PLACE",
        help="results folder: an absolute path on storage that all nodes share, or s3:// or gs://",
    )  # fmt: skip
    parser.add_argument(
        "--data-dir", type=shared_path, metavar="DIR",
        help="folder of the images: an absolute path that all nodes see",
    )  # fmt: skip
    parser.add_argument(
        "--python", default="", metavar="PATH",
        help="Python on the cluster's nodes (default: the one that runs Ray there)",
    )  # fmt: skip
    add_ending_options(parser)


def run(options: argparse.Namespace) -> int:
    """Send the suite to the cluster, show what its run says, return the exit code of that run."""
    _check(options)
    security.prepare(options.address, None)
    try:
        from ttq_bench.execution.ray.jobs import Job  # imports Ray: 1 s
    except ImportError as error:
        raise no_ray(error) from error
    job = Job(options.address, entrypoint(options), options.suite)
    print(f"job {job.name} at {options.address}", flush=True)
    try:
        return job.follow(_show)
    except KeyboardInterrupt:
        print(f"ttq-bench: {_how_to_go_on(job.name, options.address)}", file=sys.stderr)
        return INTERRUPTED


def entrypoint(options: argparse.Namespace) -> str:
    """Return the command line of the job: the run that ``options`` describe, in its cluster."""
    words = ["sh", "ttq_bench/execution/ray/job.sh", options.python, "-m", "ttq_bench.cli", "run"]
    words += [f"suites/{options.suite.name}"]
    words += ["--address", "auto"]
    for name in PASSED_ON:
        value = getattr(options, name)
        if value is not None:
            words.append(f"--{name.replace('_', '-')}={value}")
    words += [f"--set={change}" for change in options.changes]
    words += ["--no-report"] if options.no_report else []
    return shlex.join(words)


def _check(options: argparse.Namespace) -> None:
    """Refuse here what the job would refuse there, after half a minute."""
    devices = ("cpu", "cuda") if options.device == "auto" else (options.device,)
    name, _, place = (options.dataset or "").partition(":")
    for device in devices:
        suite, _ = read_suite(options.suite, options.profile, device, name or None, options.changes)
        needed = [name for name in suite.datasets if not is_bundled(name) and not place]
        if needed and options.data_dir is None:
            raise TtqBenchError(
                f"{options.suite}: needs {', '.join(needed)}; name with --data-dir an absolute path"
                " that every node of the cluster sees (what is published is downloaded into it)"
            )


def _show(text: str) -> None:
    print(printable(text.expandtabs()), end="", flush=True)


def _how_to_go_on(name: str, address: str) -> str:
    ray = f"RAY_AUTH_MODE={os.environ['RAY_AUTH_MODE']} ray job {{}} --address {address}"
    return (
        f"the job {name} runs on; `{ray.format('logs')} --follow {name}` shows it,"
        f" `{ray.format('stop')} {name}` ends it"
    )
