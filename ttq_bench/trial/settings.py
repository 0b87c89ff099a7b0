"""How a run is carried out: none of it enters a trial id.

The device and the number of threads may move the last bits of a number; every record names both.
"""

from dataclasses import dataclass
from pathlib import Path

from ttq_bench.data.catalog import ImagesCard
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.remote.store import Folder, kept_in


@dataclass(frozen=True, slots=True)
class RunSettings:
    """Absolute folders, the device kind (``cpu`` or ``cuda``), one trial's threads and GPU.

    Histograms of latent weights are kept for ``histogram_epochs``, beside the first and the last.
    ``arithmetic`` is that of the driver's code (empty: not compared), ``node`` is where Ray runs
    the trial. With a ``url``, ``results`` is the folder that each machine keeps in step with it.
    Within an epoch the state is saved every ``checkpoint_seconds``. ``rank`` is that of this
    process among the ``ranks`` that train the trial together. ``images`` is what the driver sent
    decoded to this node's cache, for a node whose ``data_dir`` has none.
    """

    results: Path
    data_dir: Path
    cache: Path
    device: str
    threads: int = 1
    gpu_share: float = 0.0
    backend: str = "inprocess"
    histogram_epochs: tuple[int, ...] = ()
    arithmetic: str = ""
    node: str = ""
    url: str = ""
    checkpoint_seconds: float = 600.0
    ranks: int = 1
    rank: int = 0
    images: ImagesCard | None = None

    def folder(self) -> Folder:
        """Return the results of this machine, and how they are kept."""
        return kept_in(ResultsPaths(self.results), self.url)


@dataclass(frozen=True, slots=True)
class ClusterOptions:
    """Ray's cluster: one of our own on this machine (``address`` None), or the one at ``address``.

    ``dashboard`` is the host that Ray's dashboard listens on, None for no dashboard. A worker that
    gives no sign of life for ``silence_seconds`` is replaced.
    """

    cores: int
    gpus: int
    address: str | None = None
    dashboard: str | None = None
    silence_seconds: float = 60.0
