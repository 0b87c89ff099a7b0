"""The names that a user of the library imports from one place, and when torch comes with them."""

import subprocess
import sys

import pytest

import ttq_bench.ternary as face
from ttq_bench import __version__


@pytest.mark.parametrize("name", face.__all__)
def test_every_name_of_the_face_is_there(name):
    assert name in dir(face)
    assert getattr(face, name) is not None


def test_another_name_is_told_as_python_does():
    with pytest.raises(ImportError, match="cannot import name 'quantise_'"):
        from ttq_bench.ternary import quantise_  # noqa: F401


def test_torch_is_imported_with_the_first_name_that_needs_it():
    program = (
        "import sys\n"
        "from ttq_bench.ternary import METHODS, THRESHOLDS, DeltaStrategy, QuantizationWarning\n"
        "before = 'torch' in sys.modules\n"
        "from ttq_bench.ternary import quantize_\n"
        "print(before, 'torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert done.stdout == "False True\n"


def test_the_package_runs_as_its_command():
    done = subprocess.run(
        [sys.executable, "-m", "ttq_bench", "--version"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert __version__ in done.stdout
