"""The parser of the command line: errors in one sentence, help in plain words, late imports."""

import argparse
import difflib
import importlib
import itertools
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn, Protocol, cast

from ttq_bench.commands.environment import settle
from ttq_bench.errors import did_you_mean
from ttq_bench.text import printable, without_credentials

EXAMPLES = "examples:"


class Command(Protocol):
    """What a module of ``ttq_bench.commands`` has to offer to be a command.

    ``DESCRIPTION`` and ``EXAMPLES`` are shown by ``--help``. Importing the module may not import
    torch, Ray or pandas: ``run`` does that.
    """

    DESCRIPTION: str
    EXAMPLES: Sequence[str]

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Add the options of the command."""

    def run(self, options: argparse.Namespace) -> int:
        """Do it, and return the exit code."""


class Formatter(argparse.HelpFormatter):
    """Adds the default to the help of each option, and does not wrap the lines of examples."""

    def _get_help_string(self, action: argparse.Action) -> str:
        text = action.help or ""
        nothing: tuple[object, ...] = (None, False, argparse.SUPPRESS, [])
        shown = action.option_strings and action.default not in nothing
        return f"{text} (default: %(default)s)" if shown and "(default" not in text else text

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        wrap = super()._fill_text
        return "\n\n".join(
            part if part.startswith(EXAMPLES) else wrap(part, width, indent)
            for part in text.split("\n\n")
        )


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one sentence, and whose options cannot be abbreviated."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"allow_abbrev": False, "formatter_class": Formatter, **options})
        self._words: list[str] = []
        self.add_argument(
            "--no-color",
            action="store_true",
            default=argparse.SUPPRESS,
            help="print no colours; the environment variable NO_COLOR does the same",
        )
        self.add_argument(
            "-v",
            "--verbose",
            action="store_true",
            default=argparse.SUPPRESS,
            help="print the traceback of an error, too",
        )

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse as argparse does, and keep the words: an error may hint at a misspelt option."""
        self._words = list(args or ())
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        """Print one sentence that ends with where help is, and exit with 2."""
        sentence = printable(without_credentials(message + self._hint()))
        self.exit(2, f"ttq-bench: {sentence}; {self.prog} --help tells what can be given\n")

    def _hint(self) -> str:
        """Return a proposal for the first option given that does not exist, if one is like it."""
        for word in self._given_options():
            name = word.partition("=")[0]
            if name not in self._option_string_actions and (
                close := difflib.get_close_matches(name, self._option_string_actions, n=1)
            ):
                return f"; did you mean {close[0]} instead of {name}?"
        return ""

    def _given_options(self) -> Iterable[str]:
        """Return the options before the command; those after it belong to the command."""
        options = itertools.takewhile(lambda word: word.startswith("-"), self._words)
        return (word for word in options if word.startswith("--"))

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Refuse a command or another choice that does not exist, with the one most like it."""
        if action.choices is not None and value not in action.choices:
            hint = did_you_mean(value, action.choices)
            raise argparse.ArgumentError(action, f"invalid choice: {value!r}{hint}")


class CommandParser(Parser):
    """The parser of one command; the command's module is imported when the command is parsed."""

    def __init__(self, *, module: str, **options: Any) -> None:
        super().__init__(**options)
        self._module = module

    def load(self) -> None:
        """Take description, options and ``run`` from the command's module, once."""
        if self.description is not None:
            return
        settle()  # before the imports: a variable may turn warnings into errors
        command = cast(Command, importlib.import_module(self._module))
        self.description = command.DESCRIPTION
        self.epilog = "\n  ".join([EXAMPLES, *command.EXAMPLES])
        command.add_options(self)
        self.set_defaults(command=command.run)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse the words after the command; a word that nobody knows is an error of the command.

        argparse would leave it to the parser above, whose help does not list the options.
        """
        self.load()
        parsed, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return parsed, unknown

    def _given_options(self) -> Iterable[str]:
        words = itertools.takewhile(lambda word: word != "--", self._words)
        return (word for word in words if word.startswith("--"))
