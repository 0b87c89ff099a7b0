"""All checks of this machine, in the order of the table."""

from collections.abc import Callable, Mapping
from pathlib import Path

from ttq_bench.doctor import (
    clock,
    gpu,
    images,
    machine,
    results_folder,
    results_url,
    token,
    versions,
)
from ttq_bench.doctor.finding import Finding, carried_out

Check = Callable[[], list[Finding]]


def checks(results: Path | str, data_dir: Path, cache: Path) -> Mapping[str, Check]:
    """Return every check by the name that its row bears when it cannot be carried out.

    ``results`` is a URL where it is text.
    """
    return {
        "versions": versions.check,
        "gpu": gpu.check,
        "cores": machine.check_cores,
        "memory": machine.check_memory,
        "disk": lambda: machine.check_disk(results, cache),
        "shared memory": machine.check_shared_memory,
        "images": lambda: images.check(data_dir, cache),
        "ray token": token.check,
        "clock": clock.check,
        "results": lambda: (
            results_url.check(results)
            if isinstance(results, str)
            else results_folder.check(results)
        ),
    }


def examine(results: Path | str, data_dir: Path, cache: Path) -> list[Finding]:
    """Return what all checks of this machine found."""
    table = checks(results, data_dir, cache)
    return [row for name, check in table.items() for row in carried_out(name, check)]
