"""The suites that come with this package, by name.

A checkout has them in ``suites/``. A wheel has a copy of them in the package, as ``pyproject.toml``
says.
"""

from pathlib import Path

import ttq_bench
from ttq_bench.errors import unknown_name

PACKAGE = Path(ttq_bench.__file__).parent
SCHEMA = "suite.schema.json"  # beside the suites, which name it for editors in their first line


def shipped_suites(package: Path = PACKAGE) -> dict[str, Path]:
    """Return the files of the shipped suites by name, in alphabetical order."""
    copied = package / "_suites"
    folder = copied if copied.is_dir() else package.parent / "suites"
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def shipped_suite(name: str) -> Path:
    """Return the file of a shipped suite; ``TtqBenchError`` lists the names for another one."""
    known = shipped_suites()
    if name not in known:
        raise unknown_name("shipped suites", "suite", name, known)
    return known[name]
