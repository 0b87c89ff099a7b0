import os
import platform
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import torch

import ttq_bench
from ttq_bench.export.published import _as_torch
from ttq_bench.provenance import (
    ARITHMETIC,
    PACKAGES,
    arithmetic,
    collect_provenance,
    instruction_level,
    level_of,
    processor_name,
    source_commit,
    why_no_commit,
)

PACKAGE = Path(ttq_bench.__file__).parent


@pytest.fixture(autouse=True)
def fresh():
    for cached in (source_commit, why_no_commit):
        cached.cache_clear()
    yield
    for cached in (source_commit, why_no_commit):
        cached.cache_clear()


def test_every_package_that_can_move_a_number_is_named_with_its_version():
    found = collect_provenance()
    assert {name: found[name] for name in PACKAGES} == {name: version(name) for name in PACKAGES}
    assert found["python"] == platform.python_version()


def test_a_package_that_is_missing_is_named_so(monkeypatch):
    monkeypatch.setattr("ttq_bench.provenance.PACKAGES", ("no-such-package",))
    assert collect_provenance()["no-such-package"] == "not installed"


def test_nothing_of_the_environment_gets_in(monkeypatch):
    monkeypatch.setenv("SECRET_TOKEN", "do-not-tell")
    monkeypatch.setenv("USER", "somebody-by-name")
    told = " ".join([*collect_provenance(), *collect_provenance().values()])
    for secret in ("do-not-tell", "somebody-by-name", platform.node(), str(Path.home())):
        assert secret not in told.split()


def test_the_commit_is_the_one_git_tells():
    try:
        done = subprocess.run(
            ["git", "-C", PACKAGE, "rev-parse", "HEAD"], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a checkout")
    assert done.stdout.startswith(source_commit().removesuffix("+dirty"))


def test_without_git_the_commit_is_unknown(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert source_commit() == "unknown"


def test_the_processor_has_a_name():
    assert processor_name().strip()


ZEN_3 = "fpu sse2 avx f16c avx2 bmi2 vaes"
ZEN_5 = f"{ZEN_3} avx512f avx512dq avx512bw avx512vl avx_vnni avx512_bf16"


@pytest.mark.parametrize(
    ("flags", "level"),
    [
        (ZEN_3, "avx2"),
        (ZEN_5, "avx512 bf16"),
        (f"{ZEN_5} amx_tile amx_bf16", "amx bf16"),
        (f"{ZEN_3} avx512f avx512dq avx512bw avx512vl", "avx512"),
        (f"{ZEN_3} avx512f avx512cd", "avx2"),
        ("fp asimd evtstrm", "neon"),
        ("fp asimd sve bf16", "neon bf16"),
        ("fpu sse2", "unknown"),
        ("", "unknown"),
    ],
)
def test_the_level_of_instructions_follows_from_the_flags(flags, level):
    assert level_of(flags.split()) == level


def test_the_level_of_this_processor_is_recorded_and_agrees_with_torch():
    level = collect_provenance()["instructions"]
    assert level == instruction_level()
    if platform.machine() != "x86_64" or "ATEN_CPU_CAPABILITY" in os.environ:
        pytest.skip("torch has other words, or was told another level")
    words = {"AVX512": ("avx512", "avx512 bf16", "amx bf16"), "AVX2": ("avx2",)}
    assert level in words.get(torch.backends.cpu.get_cpu_capability(), ("unknown",))


def test_the_level_needs_no_torch():
    program = (
        "import sys; sys.modules['torch'] = None\n"
        "from ttq_bench.provenance import instruction_level\n"
        "print(instruction_level())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == instruction_level()


@pytest.mark.parametrize("pattern", ARITHMETIC)
def test_every_entry_of_the_code_that_computes_stands_for_a_file(pattern):
    assert list(PACKAGE.glob(pattern))


def test_a_change_of_how_published_weights_become_tensors_is_noticed():
    assert f"{_as_torch.__module__.removeprefix('ttq_bench.').replace('.', '/')}.py" in ARITHMETIC


def test_the_arithmetic_is_told_as_it_was_at_the_start():
    assert collect_provenance()["arithmetic"] == arithmetic()
    assert collect_provenance("0123456789ab")["arithmetic"] == "0123456789ab"


def test_a_copy_that_was_sent_to_a_cluster_says_its_commit(monkeypatch, tmp_path):
    (tmp_path / "COMMIT").write_text("0123456789ab+dirty\n")
    monkeypatch.setattr("ttq_bench.provenance.__file__", str(tmp_path / "provenance.py"))
    assert source_commit() == "0123456789ab+dirty"


WHY = """
from ttq_bench.doctor.versions import check
row = check()[-1]
print(row.state, row.found, row.advice, sep="\\n")
"""


def row_of_the_code(folder, **variables):
    """Return the doctor's row of the code in a new checkout, as git and ``variables`` have it."""
    shutil.copytree(
        PACKAGE, folder / "copy/ttq_bench", ignore=shutil.ignore_patterns("__pycache__")
    )
    subprocess.run(["git", "init", "--quiet", folder / "copy"], check=True)
    done = subprocess.run(
        [sys.executable, "-c", WHY], cwd=folder / "copy", text=True, check=True,
        env=os.environ | {"GIT_CONFIG_GLOBAL": os.devnull} | variables, capture_output=True,
    )  # fmt: skip
    return done.stdout.splitlines()


def test_the_doctor_warns_of_a_checkout_of_another_user_and_tells_the_way_out(tmp_path):
    state, found, advice = row_of_the_code(tmp_path, GIT_TEST_ASSUME_DIFFERENT_OWNER="1")
    place = tmp_path / "copy"
    assert state == "warning"
    assert "commit unknown" in found
    assert found.endswith(f": {place} belongs to another user")
    assert f"`git config --global --add safe.directory {place}`" in advice


def test_the_doctor_warns_of_a_checkout_whose_commit_git_cannot_tell(tmp_path):
    state, found, _ = row_of_the_code(tmp_path)
    assert state == "warning"
    assert f"git in {tmp_path / 'copy'}: ambiguous argument 'HEAD'" in found


def test_a_package_that_is_no_checkout_needs_no_commit(monkeypatch, tmp_path):
    monkeypatch.setattr("ttq_bench.provenance.__file__", str(tmp_path / "here/provenance.py"))
    assert why_no_commit() == ("", "")
