import ast
from pathlib import Path

import pytest

from ttq_bench import errors
from ttq_bench.errors import CHECKOUT, TtqBenchError, did_you_mean, how_to_install, unknown_name

FAMILY = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and kind.__module__ == errors.__name__
    if not issubclass(kind, Warning)
]


@pytest.mark.parametrize(
    ("given", "allowed", "hint"),
    [
        ("tqt", ["ttq", "bwn"], "; did you mean 'ttq'? (allowed: bwn, ttq)"),
        ("zzz", ["ttq", "bwn"], " (allowed: bwn, ttq)"),
        ("x", [2, "b"], " (allowed: 2, b)"),
    ],
)
def test_an_unknown_name_is_answered_with_a_close_one_and_all_in_order(given, allowed, hint):
    assert did_you_mean(given, allowed) == hint
    error = unknown_name("suites/x.yaml", "model", given, allowed)
    assert str(error) == f"suites/x.yaml: unknown model {given!r}{hint}"


@pytest.mark.parametrize("kind", FAMILY)
def test_every_error_is_of_the_family_and_ends_in_a_code_of_failure(kind):
    assert issubclass(kind, TtqBenchError)
    assert 0 < kind.exit_code < 128


def test_missing_packages_are_installed_by_make_where_there_is_a_makefile_and_else_by_pip(tmp_path):
    assert how_to_install() == "run `make install`"
    assert how_to_install(tmp_path) == "install ttq-bench with pip again"


def texts(path):
    """Return the texts in a file of Python that are no docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    constants = [node for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    return [str(node.value) for node in constants if id(node) not in told]


def test_no_other_advice_needs_a_makefile():
    """Whoever installed a wheel has none; these two look for one first."""
    package = CHECKOUT / "ttq_bench"
    advising = {
        path.relative_to(package)
        for path in package.rglob("*.py")
        if any("`make " in text or "PROFILE=" in text for text in texts(path))
    }
    assert advising == {Path("errors.py"), Path("provenance.py")}
