"""``ttq-bench --print-completion SHELL``: a script by which a shell completes words."""

import argparse
from collections.abc import Iterator
from typing import Any

from ttq_bench.commands import option_values as values_of
from ttq_bench.commands.parser import CommandParser
from ttq_bench.suite.shipped import shipped_suites

SHELLS = ("bash", "tcsh", "zsh")
FILES = (values_of.local_path, values_of.results_place)
FOLDERS = (
    values_of.folder,
    values_of.images_folder,
    values_of.output_folder,
    values_of.shared_place,
    values_of.shared_path,
)
# A shell function: files, and the names of shipped suites. shtab treats what it returns as names of
# files, so that folders end with a slash, for the part ``_file`` of its name.
SUITES = "_ttq_bench_suite_files"
SUITE_FUNCTIONS = {
    "bash": "{function}() {{ compgen -f -- $1; compgen -W '{names}' -- $1; }}",
    "zsh": "{function}() {{ _files; compadd {names} }}",
    "tcsh": "",  # has no functions
}


class PrintCompletion(argparse.Action):
    """Print the script for the parser with all its commands, and end with 0."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,  # noqa: ARG002 - argparse's signature
        values: Any,
        option_string: str | None = None,  # noqa: ARG002 - argparse's signature
    ) -> None:
        """Take in the options of each command first: otherwise they wait until it is parsed."""
        import shtab  # only here: no other call of the command line needs it

        for action in _actions(parser):
            if action.type in (*FILES, *FOLDERS):
                kind = shtab.FILE if action.type in FILES else shtab.DIRECTORY
                action.complete = kind  # type: ignore[attr-defined]
            elif action.type is values_of.suite_file:
                action.complete = {"bash": SUITES, "zsh": SUITES, "tcsh": "f:*"}  # type: ignore[attr-defined]
        names = " ".join(shipped_suites())
        function = SUITE_FUNCTIONS[values].format(function=SUITES, names=names)
        preamble: Any = {values: function}  # annotated as text, used as this
        print(shtab.complete(parser, values, preamble=preamble))
        parser.exit()


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Yield all actions of a parser and of its commands."""
    if isinstance(parser, CommandParser):
        parser.load()
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from _actions(command)
