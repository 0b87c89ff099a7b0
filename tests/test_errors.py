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


def test_a_close_name_is_proposed_and_all_are_listed_in_order():
    assert did_you_mean("tqt", ["ttq", "bwn"]) == "; did you mean 'ttq'? (allowed: bwn, ttq)"


def test_without_a_close_name_the_allowed_ones_are_listed():
    assert did_you_mean("zzz", ["ttq", "bwn"]) == " (allowed: bwn, ttq)"


def test_an_unknown_name_without_a_close_one_reads_as_a_sentence():
    error = unknown_name("x.yaml", "profile", "foo", ["quick"])
    assert str(error) == "x.yaml: unknown profile 'foo' (allowed: quick)"


def test_names_that_are_no_text_are_listed_too():
    assert did_you_mean("x", [2, "b"]) == " (allowed: 2, b)"


def test_an_unknown_name_says_where_what_and_which():
    error = unknown_name("suites/x.yaml", "model", "resnet2", ["resnet20"])
    assert str(error) == (
        "suites/x.yaml: unknown model 'resnet2'; did you mean 'resnet20'? (allowed: resnet20)"
    )


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
