"""Hatchling's hook that keeps the commit in what is built, for the records that it will make."""

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CommitHook(BuildHookInterface[Any]):
    """Add the file that ``provenance.source_commit`` reads where there is no checkout."""

    PLUGIN_NAME = "custom"
    _folder = ""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the file to a wheel or a source distribution; an editable install asks git."""
        if version == "editable":
            return
        sys.path.insert(0, self.root)
        from ttq_bench.provenance import COMMIT_FILE, source_commit

        commit = source_commit()
        if commit == "unknown" or (Path(self.root) / "ttq_bench" / COMMIT_FILE).is_file():
            return
        self._folder = tempfile.mkdtemp()
        file = Path(self._folder) / COMMIT_FILE
        file.write_text(f"{commit}\n", encoding="ascii")
        build_data["force_include"][str(file)] = f"ttq_bench/{COMMIT_FILE}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002
        """Remove the file, which is in the artifact now."""
        if self._folder:
            shutil.rmtree(self._folder)
