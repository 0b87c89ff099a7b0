"""``ttq-bench submit``: a run as a job of a Ray cluster, followed from here to its end."""

import argparse
import os
import shlex
import sys

from ttq_bench.data.sources import is_bundled
from ttq_bench.errors import ResultsError, TtqBenchError
from ttq_bench.execution.ray import security
from ttq_bench.suite.reading import read_suite
from ttq_bench.text import printable

INTERRUPTED = 130
PASSED_ON = (
    "profile", "dataset", "results", "data_dir", "device", "threads", "trials_per_gpu", "ranks",
    "time_limit", "silence", "checkpoint_every",
)  # fmt: skip


def submit(options: argparse.Namespace) -> int:
    """Send the suite to the cluster, show what its run says, return the exit code of that run."""
    _check(options)
    security.prepare(options.address, None)
    try:
        from ttq_bench.execution.ray.jobs import Job  # imports Ray: 1 s
    except ImportError as error:
        raise ResultsError(f"Ray cannot be imported ({error}); run `make install`") from error
    job = Job(options.address, entrypoint(options), options.suite)
    print(f"job {job.name} at {options.address}", flush=True)
    try:
        return job.follow(_show)
    except KeyboardInterrupt:
        print(f"ttq-bench: {_how_to_go_on(job.name, options.address)}", file=sys.stderr)
        return INTERRUPTED


def entrypoint(options: argparse.Namespace) -> str:
    """Return the command line of the job: the run that ``options`` describe, in its cluster."""
    words = ["sh", "ttq_bench/execution/ray_job.sh", options.python, "-m", "ttq_bench.cli", "run"]
    words += [f"suites/{options.suite.name}"]
    words += ["--address", "auto"]
    for name in PASSED_ON:
        value = getattr(options, name)
        if value is not None:
            words += [f"--{name.replace('_', '-')}", str(value)]
    words += ["--no-report"] if options.no_report else []
    return shlex.join(words)


def _check(options: argparse.Namespace) -> None:
    """Refuse here what the job would refuse there, after half a minute."""
    devices = ("cpu", "cuda") if options.device == "auto" else (options.device,)
    name, _, place = (options.dataset or "").partition(":")
    for device in devices:
        suite, _ = read_suite(options.suite, options.profile, device, name or None)
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
