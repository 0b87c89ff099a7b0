"""Where a record comes from: versions, commit, machine, by allow-list; never the environment."""

import contextlib
import hashlib
import platform
import shlex
import subprocess
import sys
from collections.abc import Collection
from functools import cache
from importlib import metadata
from pathlib import Path

from ttq_bench import __version__
from ttq_bench.errors import TtqBenchError

COMMIT_FILE = "COMMIT"
# The files whose code can move a number of a trial; a folder stands for all of its files.
ARITHMETIC = (
    "batch_norm.py", "traced.py", "ranks.py", "seeding.py", "ternary/**/*.py", "models/*.py",
    "training/*.py", "trial/*.py", "spec/trial.py", "export/published.py",
    "data/augmentation.py", "data/batches.py", "data/decoding.py", "data/prepared.py",
    "data/formats/png.py", "data/streaming/*.py",
)  # fmt: skip
PACKAGES = ("torch", "torchvision", "ray", "numpy", "pandas", "scipy", "pyarrow")

# Levels of instructions by which the time of a step differs, the best first, and the flags of
# /proc/cpuinfo that a level needs.
INSTRUCTIONS = (
    ("amx bf16", {"amx_tile", "amx_bf16"}),
    ("avx512 bf16", {"avx512f", "avx512_bf16"}),
    ("avx512", {"avx512f", "avx512bw", "avx512dq", "avx512vl"}),
    ("avx2", {"avx2"}),
    ("neon bf16", {"asimd", "bf16"}),
    ("neon", {"asimd"}),
)


def collect_provenance(code: str = "") -> dict[str, str]:
    """Return versions of the packages that can move a number, the commit and the machine.

    ``code``: what ``arithmetic`` said when this process began, for files may change meanwhile.
    """
    versions = {name: _version(name) for name in PACKAGES}
    return {
        "ttq_bench": __version__,
        "commit": source_commit(),
        "arithmetic": code or arithmetic(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": processor_name(),
        "instructions": instruction_level(),
        **versions,
    }


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


@cache
def source_commit() -> str:
    """Return the commit of the checkout this package runs from, ``+dirty`` when code differs.

    A copy that was sent to a cluster has it in a file instead (``execution/ray/jobs.py``).
    """
    package = Path(__file__).parent
    with contextlib.suppress(OSError):
        return (package / COMMIT_FILE).read_text(encoding="ascii").strip()
    try:
        _git(package, "ls-files", "--error-unmatch", "__init__.py")  # else another project's commit
        commit = _git(package, "rev-parse", "--short=12", "HEAD")
        changed = _git(package, "status", "--porcelain", "--", ".")
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return f"{commit}+dirty" if changed else commit


@cache
def why_no_commit() -> tuple[str, str]:
    """Return why git does not tell the commit of the checkout that this is, and what to do.

    Both are empty where it does, and where this is no checkout.
    """
    checkout = Path(__file__).parents[1]
    if source_commit() != "unknown" or not (checkout / ".git").exists():
        return "", ""
    try:
        _git(checkout, "rev-parse", "HEAD")
    except subprocess.CalledProcessError as error:
        said = str(error.stderr).strip().partition("\n")[0].removeprefix("fatal: ")
        if "dubious ownership" in said:
            way_out = f"`git config --global --add safe.directory {shlex.quote(str(checkout))}`"
            return f"{checkout} belongs to another user", f"run as its owner, or {way_out}"
        return f"git in {checkout}: {said}", "mend that"
    except (OSError, subprocess.SubprocessError) as error:
        return f"git cannot be run ({error})", "install it"
    return f"git in {checkout} does not know this code", "commit it"


def check_environment() -> None:
    """Raise ``TtqBenchError`` for a script whose environment was copied or moved to where it lies.

    Such a script starts the Python, and with it the code, of the place that it was copied from.
    """
    script, package = Path(sys.argv[0]).resolve(), Path(__file__).resolve().parent
    environment = script.parents[1] if len(script.parts) > 2 else script  # noqa: PLR2004
    if not (environment / "pyvenv.cfg").is_file() or package.is_relative_to(environment):
        return
    beside = environment.parent / "ttq_bench"
    is_other = (beside / "__init__.py").is_file() and beside.resolve() != package
    if is_other or environment != Path(sys.prefix).resolve():
        has_make = (environment.parent / "Makefile").is_file()
        install = "`make install`" if has_make else "`python3 -m venv` and `pip install` as before"
        raise TtqBenchError(
            f"{environment} was copied or moved: it would run the code in {package}; make it anew"
            f" (`rm -rf {shlex.quote(str(environment))}`, then {install})"
        )


def arithmetic() -> str:
    """Return what stands for the code that computes a trial as it lies on disk, and its torch.

    Twelve hexadecimal digits. Other than the training version, which promises the same numbers,
    it changes with any edit: an unfinished trial is not carried on by other code.
    """
    package = Path(__file__).parent
    digest = hashlib.sha256(_version("torch").encode())
    for path in sorted(path for pattern in ARITHMETIC for path in package.glob(pattern)):
        digest.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "--no-optional-locks", "-C", str(folder), *arguments],
        capture_output=True, text=True, timeout=10, check=True,
    )  # fmt: skip
    return done.stdout.strip()


@cache
def processor_name() -> str:
    """Return the processor's model name where /proc/cpuinfo has it."""
    return _cpuinfo("model name") or platform.processor() or "unknown"


@cache
def instruction_level() -> str:
    """Return the best level of ``INSTRUCTIONS`` here: processors of one name may differ in it."""
    return level_of((_cpuinfo("flags") or _cpuinfo("Features")).split())


def level_of(flags: Collection[str]) -> str:
    """Return the best level that these flags of a processor allow, or ``unknown``."""
    have = set(flags)
    return next((name for name, needed in INSTRUCTIONS if needed <= have), "unknown")


def _cpuinfo(key: str) -> str:
    """Return what /proc/cpuinfo says of the first processor, empty where it says nothing."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    values = (line.split(":", 1)[1].strip() for line in lines if line.startswith(key))
    return next(values, "")
