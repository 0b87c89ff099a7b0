"""Figures have one look: nothing that a user has set for Matplotlib changes a byte of them."""

import os
import subprocess
import sys
from pathlib import Path

import matplotlib
import pytest

from ttq_bench.report.figures.style import figure_style

PROGRAM = """
from pathlib import Path
from ttq_bench.report.figures import roofline
from ttq_bench.report.figures.style import figure_style, picture_files, plt
with figure_style():
    figure, axis = plt.subplots()
    axis.plot([1, 2], [3, 4], label="W_p")
    axis.set_title("a title")
    axis.legend()
    for name, content in picture_files(figure, "drawn").items():
        Path(name).write_bytes(content)
"""
UGLY = (
    b"lines.linewidth: 9\nfont.size: 30\ntext.usetex: True\nsavefig.bbox: tight\naxes.grid: True\n"
)


def drawn(folder: Path, content: bytes | None = None, **variables: str) -> bytes:
    """Return a figure drawn in ``folder``, where a matplotlibrc has ``content``."""
    folder.mkdir()
    if content is not None:
        (folder / "matplotlibrc").write_bytes(content)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=folder, env=os.environ | variables, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return b"".join(path.read_bytes() for path in sorted(folder.glob("drawn.*")))


INLINE = "module://matplotlib_inline.backend_inline"  # what a notebook's shell has


@pytest.mark.slow
def test_no_backend_and_no_matplotlibrc_of_a_user_changes_a_byte_of_a_figure(tmp_path):
    elsewhere = tmp_path / "matplotlibrc"
    elsewhere.write_bytes(UGLY)
    undisturbed = drawn(tmp_path / "undisturbed")
    assert drawn(tmp_path / "here", UGLY, MPLBACKEND=INLINE) == undisturbed
    named = drawn(tmp_path / "named", MPLBACKEND="nosuch", MATPLOTLIBRC=str(elsewhere))
    assert named == undisturbed
    unreadable = b"no colon\nbackend: nosuch\n\xff\xfe"
    assert drawn(tmp_path / "unreadable", unreadable, MPLBACKEND="TkAgg") == undisturbed


def test_a_style_of_the_process_is_left_as_it_was_and_changes_no_figure():
    with matplotlib.rc_context({"lines.linewidth": 9.0}):
        with figure_style():
            assert matplotlib.rcParams["lines.linewidth"] < 9
        assert matplotlib.rcParams["lines.linewidth"] == 9
