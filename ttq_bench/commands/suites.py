"""``ttq-bench suites``: list the suites that are shipped, or copy one to change it."""

import argparse
import shlex
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from ttq_bench.commands.option_values import output_folder
from ttq_bench.commands.options import add_json_option
from ttq_bench.data.catalog import DATASETS
from ttq_bench.errors import TtqBenchError
from ttq_bench.files import publish_once
from ttq_bench.suite.grid import expand
from ttq_bench.suite.reading import choose_profile, parse_suite, read_document
from ttq_bench.suite.shipped import SCHEMA, shipped_suite, shipped_suites
from ttq_bench.text import counted, json_text

DESCRIPTION = """\
List the suites that come with this package, each with its profiles and their numbers of trials.
`copy` writes one into a folder of yours, to change it, and beside it `suite.schema.json`, by which
editors complete and check its fields; no file is overwritten. `plan`, `run` and `submit` take a
shipped suite by its name."""
EXAMPLES = (
    "ttq-bench suites",
    "ttq-bench suites --json",
    "ttq-bench suites copy cifar",
    "ttq-bench suites copy cifar my/experiment.yaml",
)
WIDTH = 100
DEVICES = {"cpu": "CPUs", "cuda": "GPUs"}


@dataclass(frozen=True, slots=True)
class Described:
    """A suite without profiles has one, whose name is empty."""

    name: str
    title: str
    file: str
    default_profile: Mapping[str, str]
    """The profile that is used on each device where none is named."""
    trials: Mapping[str, int]
    """The number of trials under each profile."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add: which suite to copy, and where to."""
    parser.add_argument(
        "action", nargs="?", choices=("copy",), help="write a copy; without it, list all suites"
    )
    parser.add_argument("name", nargs="?", help="name of the suite to copy")
    parser.add_argument(
        "target", nargs="?", type=output_folder, default=Path(),
        help="new file, ending in .yaml, or folder for it (without it: NAME.yaml in this folder)",
    )  # fmt: skip
    add_json_option(parser)


def run(options: argparse.Namespace) -> int:
    """List or copy, and return 0."""
    if options.action == "copy":
        _copy(options)
    else:
        _list(options)
    return 0


def describe(path: Path) -> Described:
    """Return title, profiles and numbers of trials of a suite; no images are needed."""
    document, where = read_document(path), str(path)
    default = {device: choose_profile(document, "auto", device, where) for device in DEVICES}
    trials = {}
    for profile in document.get("profiles", [""]):
        suite = parse_suite(document, profile, where)
        # Which images stand for a dataset changes the ids of trials, and not their number.
        cards = {dataset: DATASETS[dataset] for dataset in suite.datasets}
        trials[profile] = len(expand(suite, cards, where))
    return Described(path.stem, document["title"], where, default, trials)


def _list(options: argparse.Namespace) -> None:
    suites = [describe(path) for path in shipped_suites().values()]
    if options.json:
        print(json_text([asdict(suite) for suite in suites]))
        return
    for suite in suites:
        print("\n".join(_lines(suite)))
    print(
        "\n`ttq-bench plan NAME --profile PROFILE` shows the trials and their cost;\n"
        "`ttq-bench suites copy NAME` makes a suite your own"
    )


def _lines(suite: Described) -> Iterator[str]:
    yield f"{suite.name}: {suite.title}"
    if "" in suite.trials:
        yield f"  {counted(suite.trials[''], 'trial')}"
        return
    profiles = []
    for profile, trials in suite.trials.items():
        devices = [plural for name, plural in DEVICES.items()
                   if suite.default_profile[name] == profile]  # fmt: skip
        default = f" (default on {' and '.join(devices)})" if devices else ""
        profiles.append(f"{profile} {trials}{default}")
    yield textwrap.fill(
        f"trials of each profile: {', '.join(profiles)}",
        WIDTH,
        initial_indent="  ",
        subsequent_indent="    ",
        break_on_hyphens=False,
    )


def _copy(options: argparse.Namespace) -> None:
    if options.name is None:
        names = ", ".join(shipped_suites())
        raise TtqBenchError(f"suites copy: name the suite to copy, one of {names}")
    source, target = shipped_suite(options.name), options.target
    if target.suffix not in (".yaml", ".yml"):
        target /= source.name
    if not publish_once(target, source.read_bytes()):
        raise TtqBenchError(
            f"{target}: exists already and is left as it is; name another file, such as"
            f" `ttq-bench suites copy {options.name} my-{options.name}.yaml`"
        )
    schema = target.parent / SCHEMA
    is_same = _publish_schema(source.parent / SCHEMA, schema)
    if options.json:
        print(json_text({"suite": options.name, "file": str(target), "schema": str(schema)}))
        return
    print(
        f"{target}: a copy of the suite {options.name}; change it, then"
        f" `ttq-bench run {shlex.quote(str(target))}` runs it"
    )
    if is_same:
        print(f"{schema}: the fields of suites, for editors that complete them")
    else:
        print(f"{schema}: exists already, is not that of this version, and is left as it is")


def _publish_schema(source: Path, target: Path) -> bool:
    """Copy the schema unless something is there; return whether that is the same schema."""
    content = source.read_bytes()
    return publish_once(target, content) or (target.is_file() and target.read_bytes() == content)
