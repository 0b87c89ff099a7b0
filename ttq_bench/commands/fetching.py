"""Downloads with a progress bar, for ``run`` and ``data``."""

from functools import partial

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TimeRemainingColumn

from ttq_bench.data.downloads import fetch_file
from ttq_bench.data.sources import Source
from ttq_bench.execution.display import say


def fetch(source: Source, console: Console) -> None:
    """Download, with a progress bar each, the published files of a source that are not there."""
    assert source.archive is not None, "only published files can be fetched"
    columns = ("{task.description}", BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        for file, path in zip(source.archive.files, source.train, strict=True):
            task = bar.add_task(file.file_name, total=file.size_bytes)
            waiting = f"another process fetches {path}: waiting for it"
            fetch_file(file, path.parent, partial(_show, bar, task), partial(say, console, waiting))


def _show(bar: Progress, task: TaskID, have: int, _total: int) -> None:
    bar.update(task, completed=have)
