"""Where results are kept: in a folder, or below a URL that a folder of this machine follows.

All code works on a local folder; ``Folder`` is only that. ``Mirror`` is a folder of the cache that
follows a URL. The layout is the same in both, except that a record is one object at the URL
(``archives.py``). Of several machines that claim or publish the same, ``Objects.create`` lets one
have it at the URL, before the folder of this machine shows it.
"""

import re
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from ttq_bench.errors import ResultsError
from ttq_bench.files import digest_path, is_intact, publish_once, write_atomically
from ttq_bench.foreign_folders import MOST_BYTES
from ttq_bench.records.attempts.lease import why_superseded
from ttq_bench.records.networks import is_whole
from ttq_bench.records.ownership import LIST, in_list, listed
from ttq_bench.records.paths import AttemptPaths, ResultsPaths, TrialPaths
from ttq_bench.records.remote.archives import packed, unpacked
from ttq_bench.records.remote.names import (
    CHANGING,
    KNOWN,
    ONCE,
    RECORD,
    REPORT,
    STATE,
    attempt_number,
    is_news,
    remove_gone,
    settled_names,
)
from ttq_bench.records.remote.objects import Objects
from ttq_bench.records.store import place_record

PARTS_OF_REPORT = ("summary.md", "report.html", LIST, "pages", "tables", "figures")


class Folder:
    """A local or shared folder: what is written there is there, and nothing has to be brought.

    ``results`` are the paths on this machine; ``url`` is empty, but for a ``Mirror``.
    """

    url = ""

    def __init__(self, results: ResultsPaths) -> None:
        self.results = results

    @property
    def place(self) -> str:
        """Return where the results are, as the user named it."""
        return self.url or str(self.results.root)

    def create(self, path: Path, content: bytes) -> bool:
        """Make a file that is not there yet, for one caller of any number."""
        return publish_once(path, content)

    def publish(self, paths: TrialPaths, contents: Mapping[str, bytes]) -> bool:
        """Publish the files of a record; return False if there is a record already."""
        return place_record(paths, contents)

    def bring(self) -> None:
        """Bring what other machines wrote, but for checkpoints and weights."""

    def bring_states(self, paths: TrialPaths, *, weights_alone: bool = False) -> None:
        """Bring checkpoints and weights of a trial."""

    def bring_leases(self, attempt: AttemptPaths) -> None:
        """Bring the leases of newer attempts at a trial, and the sign to stop."""

    def bring_stop(self) -> None:
        """Bring the sign to stop, or remove it here if it is gone there."""

    def keep(self, attempt: AttemptPaths) -> None:
        """Put what an attempt has written, delete what it has deleted."""

    def post(self, *paths: Path) -> None:
        """Put these files as they are now, or delete those that are not there."""

    def post_report(self) -> None:
        """Put tables, figures and summary."""

    def bring_report(self) -> None:
        """Bring tables, figures and summary, in place of those of an older report."""


class Mirror(Folder):
    """The folder ``results`` in step with a URL. Any call may raise ``OSError`` for the network."""

    def __init__(self, url: str, results: ResultsPaths) -> None:
        super().__init__(results)
        self.objects = Objects(url)
        self.url = url

    def create(self, path: Path, content: bytes) -> bool:
        """Make a file at the URL, then here; bring another's and return False."""
        if self.objects.create(self._name(path), content):
            publish_once(path, content)
            return True
        self._bring([self._name(path)], publish_once)
        return False

    def publish(self, paths: TrialPaths, contents: Mapping[str, bytes]) -> bool:
        """Publish at the URL in one step, then show here whichever record is there."""
        name = f"{self._name(paths.folder)}.tar"
        is_ours = self.objects.create(name, packed(contents))
        if is_ours:
            place_record(paths, contents)
        else:
            self._bring_record(paths)
        self.objects.delete([self._name(paths.failure)])
        return is_ours

    def bring(self) -> None:
        """Follow the URL: bring what is new there, remove here what is gone there.

        Leases, checkpoints, weights and progress stay here although they are gone there: what an
        attempt wrote here may not have come there yet. A trial goes on at what this machine has.
        """
        before = settled_names(self.results)
        names = self._names("")
        for match in filter(None, map(RECORD.fullmatch, names)):
            paths = self.results.trial(match[1])
            if not paths.record.exists():
                self._bring_record(paths)
        self._bring_once(names)
        self._bring(filter(CHANGING.fullmatch, names), _write_news)
        remove_gone(before, names)

    def bring_states(self, paths: TrialPaths, *, weights_alone: bool = False) -> None:
        """Bring what is missing or damaged here; the digest of each state comes last."""
        if not is_whole(paths.network):
            self._bring([self._name(paths.network)], write_atomically)
        names = self._names(self._name(paths.attempts))
        self._bring_once(names)
        for name in sorted(names):
            path = self.results.root / name
            digest = self._name(digest_path(path))
            wanted = path.name == "weights.pt" or (path.suffix == ".pt" and not weights_alone)
            if STATE.fullmatch(name) and wanted and digest in names and not is_intact(path):
                self._bring([name, digest], write_atomically)

    def bring_leases(self, attempt: AttemptPaths) -> None:
        """Bring leases, so that the code that looks for newer ones here finds them."""
        self._bring_once(self._names(self._name(attempt.trial.attempts)))
        self.bring_stop()

    def bring_stop(self) -> None:
        """Bring the sign; one that an earlier run left here would end every trial at once."""
        if self.objects.read(self._name(self.results.stop_file)) is None:
            self.results.stop_file.unlink(missing_ok=True)
        else:
            self.results.stop_file.touch()

    def keep(self, attempt: AttemptPaths) -> None:
        """Put what is new in the attempt's folder, delete what it and older ones have no more.

        Nothing is done for an attempt that is superseded; its next check tells it so.
        """
        names = self._names(self._name(attempt.trial.attempts))
        self._bring_once(names)
        if why_superseded(attempt):
            return
        here = set(filter(STATE.fullmatch, map(self._name, attempt.folder.rglob("*"))))
        for name in sorted(here - set(names), key=lambda name: name.endswith(".sha256")):
            self.objects.write(name, (self.results.root / name).read_bytes())
        own = (n for n in names if (attempt_number(n) or attempt.number + 1) <= attempt.number)
        self.objects.delete(name for name in own if not (self.results.root / name).exists())

    def post(self, *paths: Path) -> None:
        """Put the files as they are here; delete at the URL those that are not here."""
        for path in paths:
            try:
                content = path.read_bytes()
            except FileNotFoundError:
                self.objects.delete([self._name(path)])
            else:
                self.objects.write(self._name(path), content)

    def post_report(self) -> None:
        """Put the files that the report lists, and delete those that only an older one listed."""
        older = in_list(self.objects.read(LIST) or b"")
        newer = listed(self.results.root)
        self.post(*(self.results.root / name for name in (*sorted(newer), LIST)))
        self.objects.delete(older.keys() - newer)

    def bring_report(self) -> None:
        """Bring the report that is there, and delete what is left here of an older one."""
        names = self._names("", (REPORT,))
        self._bring(names, write_atomically)
        for name in self._reported_here().difference(names):
            (self.results.root / name).unlink()

    def _reported_here(self) -> set[str]:
        roots = [self.results.root / name for name in PARTS_OF_REPORT]
        files = [path for root in roots for path in (root, *root.rglob("*")) if path.is_file()]
        return {self._name(path) for path in files if not path.name.startswith(".")}

    def _name(self, path: Path) -> str:
        return path.relative_to(self.results.root).as_posix()

    def _names(self, prefix: str, forms: Collection[re.Pattern[str]] = KNOWN) -> list[str]:
        """Return the names at the URL that may come here."""
        sizes = self.objects.names(prefix)
        names = [name for name in sizes if any(form.fullmatch(name) for form in forms)]
        for name in names:
            if sizes[name] > MOST_BYTES and not STATE.fullmatch(name):
                raise ResultsError(
                    f"{self.objects.url}/{name}: has {sizes[name]:,} bytes, more than any file of"
                    " its kind; move it elsewhere"
                )
        return names

    def _bring(
        self, names: "Collection[str] | filter[str]", write: Callable[[Path, bytes], object]
    ) -> None:
        """Bring objects in this order; one that has gone meanwhile is left out."""
        for name, content in self.objects.read_all(names).items():
            write(self.results.root / name, content)

    def _bring_once(self, names: Collection[str]) -> None:
        known = (name for name in names if ONCE.fullmatch(name))
        self._bring([n for n in known if not (self.results.root / n).exists()], publish_once)

    def _bring_record(self, paths: TrialPaths) -> None:
        name = f"{self._name(paths.folder)}.tar"
        archive = self.objects.read(name)
        if archive is not None:
            place_record(paths, unpacked(archive, f"{self.objects.url}/{name}"))


def _write_news(path: Path, content: bytes) -> None:
    if is_news(path, content):
        write_atomically(path, content)


def kept_in(results: ResultsPaths, url: str) -> Folder:
    """Return how results are kept: in the folder alone, or also at ``url`` if that is not empty."""
    return Mirror(url, results) if url else Folder(results)
