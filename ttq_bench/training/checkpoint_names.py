"""How the states of an attempt are named, and which is the newest. Needs no torch."""

import re
from collections.abc import Iterable
from pathlib import Path

NAME = re.compile(r"epoch-(\d{6})(?:-step-(\d{8}))?\.pt")


def name_of(epoch: int, step: int = 0) -> str:
    """Return the file name of the state ``step`` steps after ``epoch`` whole epochs."""
    within = f"-step-{step:08d}" if step else ""
    return f"epoch-{epoch:06d}{within}.pt"


def place_of(path: Path) -> tuple[int, int]:
    """Return the whole epochs before a state, and the steps since."""
    match = NAME.fullmatch(path.name)
    assert match is not None
    return int(match[1]), int(match[2] or 0)


def newest_first(paths: Iterable[Path]) -> list[Path]:
    """Return the states among ``paths``, later ones first; other files are left out."""
    states = [path for path in paths if NAME.fullmatch(path.name)]
    return sorted(states, key=place_of, reverse=True)
