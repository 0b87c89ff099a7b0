"""Arms that start from the same networks: the records that paired measurements are made of."""

from pathlib import Path
from typing import Any

from tests.written_records import write_trial
from ttq_bench.analysis.measured import Network
from ttq_bench.analysis.tables import Tables, load_tables
from ttq_bench.records.paths import ResultsPaths

EQUAL = {"layer1.conv1": (1.0, 1.0)}
SHORT = Network("cifar10-jpeg", "short", "resnet20")
# What methods that do not take the usual delta strategy are trained with.
STRATEGIES = {"twn": ("mean_fraction", 0.7), "bwn": None, "dorefa-w1": None}


def tables_of(root: Path) -> Tables:
    return load_tables(ResultsPaths(root))


def write_parents(root: Path, seeds: int, *, tag: str = "", **more: Any) -> None:
    """Publish the full-precision networks ``fp-0``, ``fp-1``, ... that arms start from."""
    for seed in range(seeds):
        write_trial(root, f"fp{tag}-{seed}", seed=seed, errors=(40.0, 20.0), **more)


def write_arm(root: Path, arm: str, errors: Any, *, tag: str = "", **more: Any) -> None:
    """Publish one trial a seed, with this final error; ``errors`` are a sequence or by seed.

    The arm ``on`` is the parent trained on without quantizing. Trials are named ``ttq-0``; ``tag``
    tells those of one seed apart.
    """
    by_seed = errors if isinstance(errors, dict) else dict(enumerate(errors))
    quantized = arm != "on"
    for seed, error in by_seed.items():
        usual = {
            "parent": f"fp-{seed}", "method": arm, "scales": EQUAL if quantized else None,
            "strategy": STRATEGIES.get(arm, ("max_fraction", 0.05)),
        }  # fmt: skip
        write_trial(root, f"{arm}{tag}-{seed}", seed=seed, errors=(50.0, error), **usual | more)
