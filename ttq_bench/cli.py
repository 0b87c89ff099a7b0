"""Command line: parse, call, print. Heavy imports wait until a command needs them."""

import argparse
import sys
from collections.abc import Sequence
from typing import Any, NoReturn, TypeAlias

from ttq_bench import __version__
from ttq_bench.commands.environment import blamed, settle
from ttq_bench.commands.option_values import local_path, results_place, with_signs
from ttq_bench.commands.options import (
    add_data_option,
    add_doctor_options,
    add_probe_options,
    add_results_option,
    add_run_options,
    add_speed_options,
    add_submit_options,
    add_suite_options,
)
from ttq_bench.commands.streams import EXIT_IO, code_of, guarded
from ttq_bench.errors import TtqBenchError
from ttq_bench.provenance import check_environment
from ttq_bench.text import printable, without_credentials

Commands: TypeAlias = "argparse._SubParsersAction[Parser]"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    words = sys.argv[1:] if arguments is None else arguments
    with guarded() as output:
        code, ended = _ended(words, is_process=arguments is None)
        output.flush()
        if output.error is not None and code == 0:
            code, ended = code_of(output.error), None
            if code == EXIT_IO:
                reason = output.error.strerror
                print(f"ttq-bench: the output cannot be written ({reason})", file=sys.stderr)
    if ended is not None:
        raise ended
    return code


def _ended(words: Sequence[str], *, is_process: bool) -> tuple[int, SystemExit | None]:
    """Return the exit code of a command, and how the parser ended the process, if it did."""
    try:
        options = make_parser().parse_args(with_signs(words))
    except SystemExit as ended:
        return int(ended.code or 0), ended
    try:
        if is_process:
            check_environment()
        settle()
        return _called(options), None
    except TtqBenchError as error:
        # Messages quote what suites, data and records of strangers say.
        print(f"ttq-bench: {without_credentials(str(error))}", file=sys.stderr)
        return error.exit_code, None
    except OSError as error:  # a disk that is full, broken or closed to us, wherever it is met
        where = error.filename or getattr(options, "results", "the output")
        print(
            f"ttq-bench: {where}: cannot be read or written"
            f" ({error.strerror or repr(error)}); mend that, then run the same command again",
            file=sys.stderr,
        )
        return EXIT_IO, None
    except KeyboardInterrupt:
        print("ttq-bench: ended at once; run the same command to go on", file=sys.stderr)
        return 130, None


def _called(options: argparse.Namespace) -> int:
    try:
        return int(options.command(options))
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        if sentence := blamed(error):
            raise sentence from error
        raise


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence, without all the options before it; takes whole names."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"allow_abbrev": False, **options})

    def error(self, message: str) -> NoReturn:
        """Print the sentence and where the options are told, and end with 2."""
        said = printable(without_credentials(message))
        self.exit(2, f"ttq-bench: {said}; {self.prog} --help tells what can be given\n")


def make_parser() -> Parser:
    """Return the parser with all commands."""
    parser = Parser(
        prog="ttq-bench",
        description="Reproduce 'Trained Ternary Quantization' and judge its claims.",
        epilog="Exit codes: 0 done; 2 bad input, or a results folder that cannot be written; 3 some"
        " trials failed; 4 stopped by --time-limit; 5 bad data; 6 verify found a difference; 69 no"
        " Ray cluster, or it is gone; 74 a file, or the output, cannot be read or written; 75"
        " another run holds the results folder; 129 SIGHUP; 130 Ctrl-C; 141 nobody reads the"
        " output; 143 SIGTERM.",
    )
    parser.add_argument("--version", action="version", version=f"ttq-bench {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _add_runs(commands)
    _add_readers(commands)
    _add_measurements(commands)
    return parser


def _add_runs(commands: Commands) -> None:
    plan = commands.add_parser("plan", help="show what a run would do, and how long it would take")
    add_suite_options(plan)
    plan.add_argument("--json", action="store_true", help="print the plan as JSON")
    plan.set_defaults(command=_plan)

    run = commands.add_parser("run", help="run what is missing of a suite, then report")
    add_suite_options(run)
    add_run_options(run)
    run.set_defaults(command=_run)

    submit = commands.add_parser("submit", help="run a suite as a job of a Ray cluster, follow it")
    add_submit_options(submit)
    submit.set_defaults(command=_submit)


def _add_readers(commands: Commands) -> None:
    status = commands.add_parser("status", help="count what a results folder holds")
    add_results_option(status, results_place)
    status.add_argument("--json", action="store_true", help="print the status as JSON")
    status.set_defaults(command=_status)

    report = commands.add_parser("report", help="draw tables, figures and summary from the records")
    add_results_option(report, results_place)
    report.add_argument(
        "--readme", type=local_path, help="also refresh the generated block in this file"
    )
    report.set_defaults(command=_report)

    verify = commands.add_parser("verify", help="compute the report anew and compare every cell")
    add_results_option(verify, results_place)
    verify.add_argument(
        "--readme", type=local_path, help="also compare the generated block in this file"
    )
    verify.set_defaults(command=_verify)

    compare = commands.add_parser("compare", help="say where two results folders differ")
    compare.add_argument("first", type=results_place, metavar="A", help="a results folder or URL")
    compare.add_argument(
        "second", type=results_place, metavar="B", help="another one; differences are B - A"
    )
    compare.add_argument("--json", action="store_true", help="print the comparison as JSON")
    compare.set_defaults(command=_compare)

    networks = commands.add_parser(
        "networks", help="publish networks that lie in work/ beside their records, list sizes"
    )
    add_results_option(networks, results_place)
    networks.set_defaults(command=_networks)

    export = commands.add_parser("export", help="write a trained network as packed codes and ONNX")
    export.add_argument("trial", help="id of a trial, or a part that only its id has")
    export.add_argument(
        "--to", type=local_path, required=True, metavar="DIR", help="folder to write to"
    )
    add_results_option(export, results_place)
    export.set_defaults(command=_export)


def _add_measurements(commands: Commands) -> None:
    probe = commands.add_parser("probe", help="make the scales of trained networks equal, measure")
    add_probe_options(probe)
    probe.set_defaults(command=_probe)

    speed = commands.add_parser("speed", help="measure what is promised about time")
    add_speed_options(speed)
    speed.set_defaults(command=_speed)

    doctor = commands.add_parser("doctor", help="say what may keep a run from going well, and why")
    add_doctor_options(doctor)
    doctor.set_defaults(command=_doctor)

    data = commands.add_parser("data", help="fetch the published images, or show what is there")
    data.add_argument("action", choices=("fetch", "show"))
    data.add_argument("dataset", help="name of a dataset, or folder:PATH")
    add_data_option(data)
    data.set_defaults(command=_data)


def _plan(options: argparse.Namespace) -> int:
    from ttq_bench.commands import at_url, plan

    return at_url.in_step(plan.show, options)


def _run(options: argparse.Namespace) -> int:
    from ttq_bench.commands import at_url, run

    return at_url.in_step(run.run, options)


def _submit(options: argparse.Namespace) -> int:
    from ttq_bench.commands import submit

    return submit.submit(options)


def _status(options: argparse.Namespace) -> int:
    from ttq_bench.commands import at_url, status

    return at_url.in_step(status.show, options)


def _report(options: argparse.Namespace) -> int:
    from ttq_bench.commands import at_url, report

    _tell("report: reading records, drawing figures: up to a minute")
    return at_url.in_step(report.write, options)


def _verify(options: argparse.Namespace) -> int:
    from ttq_bench.commands import at_url, verify

    _tell("verify: computing the report anew: up to a minute")
    return at_url.in_step(verify.verify, options)


def _compare(options: argparse.Namespace) -> int:
    from ttq_bench.commands import compare

    return compare.compare(options)


def _networks(options: argparse.Namespace) -> int:
    from ttq_bench.commands import at_url, networks

    return at_url.in_step(networks.publish, options)


def _export(options: argparse.Namespace) -> int:
    from ttq_bench.commands import at_url, export

    return at_url.in_step(export.export, options)


def _probe(options: argparse.Namespace) -> int:
    from ttq_bench.commands import at_url, probe

    return at_url.in_step(probe.probe, options)


def _speed(options: argparse.Namespace) -> int:
    from ttq_bench.commands import speed

    return speed.measure(options)


def _doctor(options: argparse.Namespace) -> int:
    from ttq_bench.commands import doctor

    return doctor.examine_all(options)


def _data(options: argparse.Namespace) -> int:
    from ttq_bench.commands import data

    return data.act(options)


def _tell(what: str) -> None:
    """Say to a person, not to a script, what takes a while."""
    if sys.stderr.isatty():
        print(what, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
