"""Command line: one table of commands; parse, call, print."""

import argparse
import os
import signal
import sys
import traceback
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from ttq_bench import __version__
from ttq_bench.commands.completion import SHELLS, PrintCompletion
from ttq_bench.commands.environment import blamed
from ttq_bench.commands.option_values import with_signs
from ttq_bench.commands.parser import CommandParser, Parser
from ttq_bench.commands.streams import EXIT_IO, code_of, guarded
from ttq_bench.errors import TtqBenchError
from ttq_bench.provenance import check_environment
from ttq_bench.text import printable, without_credentials

# A command is the module of its name in ``ttq_bench.commands``, with ``_`` for ``-``
# (``commands/parser.py`` says what it has to offer). Its line of help is here, so that
# ``ttq-bench --help`` imports none of them.
COMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "suites": "list the suites that are shipped, or copy one to change it",
        "plan": "show what a run would do and how long it would take",
        "run": "train the missing trials of a suite, then write the report",
        "submit": "run a suite as a job on a Ray cluster and follow its output",
        "status": "count finished, running and failed trials in a results folder",
        "report": "write tables, figures and the summary from the records",
        "verify": "compute the report again from the records and compare every value",
        "compare": "show where the records of two results folders differ",
        "networks": "publish trained networks that are not published yet, and list their sizes",
        "export": "write a trained network as packed ternary weights, as ONNX and for model hubs",
        "export-runs": "write records as runs of TensorBoard or MLflow, or as CSV files",
        "probe": "measure how much accuracy trained networks lose with equal scales",
        "speed": "measure the training speed of this machine",
        "doctor": "check this machine or cluster before a run",
        "data": "download a dataset, or show which images are found",
    }
)
EXIT_USAGE = 2


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
    parser, options = make_parser(), argparse.Namespace()
    try:
        parser.parse_args(with_signs(words), options)
        if "command" not in options:  # as git and pip do, but with the exit code of bad input
            parser.print_help()
            return EXIT_USAGE, None
        if is_process:
            check_environment()
        if "no_color" in options:
            os.environ["NO_COLOR"] = "1"  # rich reads it, here and in processes that are started
        return _called(options), None
    except SystemExit as ended:
        return int(ended.code or 0), ended
    except TtqBenchError as error:
        # Messages quote what suites, data and records of strangers say.
        _trace(options)
        print(f"ttq-bench: {without_credentials(str(error))}", file=sys.stderr)
        return error.exit_code, None
    except OSError as error:  # a disk that is full, broken or closed to us, wherever it is met
        _trace(options)
        where = error.filename or getattr(options, "results", "the output")
        print(
            f"ttq-bench: {where}: cannot be read or written"
            f" ({error.strerror or repr(error)}); mend that, then run the same command again",
            file=sys.stderr,
        )
        return EXIT_IO, None
    except KeyboardInterrupt as interrupt:
        print("ttq-bench: ended at once; run the same command to go on", file=sys.stderr)
        number = next((n for n in interrupt.args if isinstance(n, int)), signal.SIGINT)
        return 128 + number, None


def _trace(options: argparse.Namespace) -> None:
    """Print the traceback of the error that is handled, if it was asked for."""
    if "verbose" in options:
        print(printable(without_credentials(traceback.format_exc())), end="", file=sys.stderr)


def _called(options: argparse.Namespace) -> int:
    try:
        return int(options.command(options))
    except (AttributeError, ImportError, LookupError, TypeError, ValueError) as error:
        if sentence := blamed(error):
            raise sentence from error
        raise


def module_of(command: str) -> str:
    """Return the module of a command."""
    return f"ttq_bench.commands.{command.replace('-', '_')}"


def make_parser() -> Parser:
    """Return the parser with all commands; each adds its options when it is parsed."""
    parser = Parser(
        prog="ttq-bench",
        description="Reproduce the paper 'Trained Ternary Quantization': train its networks, and"
        " test its claims on the results. `ttq-bench COMMAND --help` describes a command.",
        epilog="Exit codes: 0 done; 2 bad input, or a results folder that cannot be written; 3 some"
        " trials failed; 4 stopped by --time-limit; 5 bad data; 6 verify found a difference; 69 no"
        " Ray cluster, or it is gone; 74 a file, or the output, cannot be read or written; 75"
        " another run holds the results folder; 129 SIGHUP; 130 Ctrl-C; 141 nobody reads the"
        " output; 143 SIGTERM.",
    )
    parser.add_argument("-V", "--version", action="version", version=f"ttq-bench {__version__}")
    parser.add_argument(
        "--print-completion", action=PrintCompletion, choices=SHELLS, metavar="SHELL",
        help=f"print a script that completes commands and options in {', '.join(SHELLS)}",
    )  # fmt: skip
    commands = parser.add_subparsers(metavar="COMMAND", parser_class=CommandParser)
    for name, summary in COMMANDS.items():
        commands.add_parser(name, help=summary, module=module_of(name))
    return parser


if __name__ == "__main__":
    sys.exit(main())
