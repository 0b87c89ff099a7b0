"""What is installed from a wheel: the suites come with it, and it runs far from the checkout."""

import json
import os
import subprocess
import sys
import tarfile
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder

import ttq_bench
from tests.suite.test_reading import SHIPPED
from ttq_bench.provenance import source_commit

ROOT = SHIPPED.parent
SUITES = {path.name: path.read_bytes() for path in SHIPPED.glob("*.yaml")}
SCHEMA = {"suite.schema.json": (SHIPPED / "suite.schema.json").read_bytes()}


def built(builder, folder, kind, source=ROOT):
    return Path(next(builder(str(source)).build(directory=str(folder), versions=[kind])))


def test_the_wheel_holds_each_suite_as_it_is_their_schema_and_nothing_else_of_its_folder(tmp_path):
    with zipfile.ZipFile(built(WheelBuilder, tmp_path, "standard")) as wheel:
        inside = {name: wheel.read(name) for name in wheel.namelist() if "suites/" in name}
        tops = {name.partition("/")[0] for name in wheel.namelist()}
    assert inside == {f"ttq_bench/_suites/{name}": text for name, text in (SUITES | SCHEMA).items()}
    assert tops == {"ttq_bench", f"ttq_bench-{ttq_bench.__version__}.dist-info"}


def test_an_editable_install_reads_package_and_suites_of_the_checkout(tmp_path):
    with zipfile.ZipFile(built(WheelBuilder, tmp_path, "editable")) as wheel:
        files = [name for name in wheel.namelist() if ".dist-info/" not in name]
        assert files == ["_editable_impl_ttq_bench.pth"]
        assert wheel.read(files[0]).decode().split() == [str(ROOT)]


def test_the_source_distribution_has_suites_and_no_results(tmp_path):
    with tarfile.open(built(SdistBuilder, tmp_path, "standard")) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {f"suites/{name}" for name in SUITES | SCHEMA} < names
    assert {"pyproject.toml", "README.md", "ttq_bench/cli.py"} < names
    assert not [name for name in names if name.startswith(("results", ".venv", ".git/", "data"))]


def test_what_is_built_names_its_commit(tmp_path):
    with zipfile.ZipFile(built(WheelBuilder, tmp_path, "standard")) as wheel:
        assert wheel.read("ttq_bench/COMMIT").decode() == f"{source_commit()}\n"
        assert "ttq_bench/build_hook.py" not in wheel.namelist()
    with tarfile.open(built(SdistBuilder, tmp_path, "standard")) as archive:
        archive.extractall(tmp_path, filter="data")
    (source,) = tmp_path.glob("ttq_bench-*/")
    assert (source / "ttq_bench/COMMIT").read_text() == f"{source_commit()}\n"
    with zipfile.ZipFile(built(WheelBuilder, tmp_path / "again", "standard", source)) as wheel:
        assert wheel.namelist().count("ttq_bench/COMMIT") == 1
        assert wheel.read("ttq_bench/COMMIT").decode() == f"{source_commit()}\n"


def test_package_and_citation_have_one_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == ttq_bench.__version__
    assert WheelBuilder(str(ROOT)).metadata.version == ttq_bench.__version__
    assert metadata.version("ttq-bench") == ttq_bench.__version__


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Return a function that runs the ``ttq-bench`` of a wheel in an empty folder."""
    place = tmp_path_factory.mktemp("installed")
    wheel = built(WheelBuilder, place, "standard")
    packages, work = place / "packages", place / "work"
    work.mkdir()
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    words = [*pip, "--no-deps", "--no-index", "--target", packages, wheel]
    subprocess.run(words, check=True, cwd=work)
    environment = os.environ | {"PYTHONPATH": str(packages)}

    def run(*words):
        done = subprocess.run(
            [packages / "bin/ttq-bench", *words],
            cwd=work, env=environment, capture_output=True, text=True, timeout=600, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run.packages, run.work = packages, work
    return run


@pytest.mark.slow
def test_an_installed_package_lists_and_copies_its_own_suites(installed):
    suites = json.loads(installed("suites", "--json"))
    files = [Path(suite["file"]) for suite in suites]
    assert {file.name: file.read_bytes() for file in files} == SUITES
    assert all(file.parent == installed.packages / "ttq_bench/_suites" for file in files)
    installed("suites", "copy", "demo", "mine.yaml")
    assert (installed.work / "mine.yaml").read_bytes() == SUITES["demo.yaml"]
    assert (installed.work / "suite.schema.json").read_bytes() == SCHEMA["suite.schema.json"]


@pytest.mark.slow
def test_an_installed_package_plans_the_trials_that_the_file_in_the_checkout_has(installed):
    plans = [json.loads(installed("plan", suite, "--json"))["trials"]
             for suite in ("demo", str(SHIPPED / "demo.yaml"))]  # fmt: skip
    assert plans[0] == plans[1]
    assert len(plans[0]) == 8


@pytest.mark.slow
def test_an_installed_package_trains_and_reports(installed):
    fewer = ("--seeds", "0", "--set", "training.full_precision.epochs=1",
             "--set", "training.fine_tuned.epochs=1")  # fmt: skip
    told = installed("run", "demo", *fewer, "--results", "out")
    assert "4 to run; results in out" in told
    records = list((installed.work / "out/trials").glob("*/record.json"))
    assert len(records) == 4
    assert (installed.work / "out/summary.md").is_file()
