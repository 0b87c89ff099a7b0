from importlib import metadata

import pytest

from ttq_bench.doctor.versions import judged, within


@pytest.mark.parametrize(
    ("version", "bounds", "fits"),
    [
        ("2.10", ">=2.10", True),
        ("2.9.1", ">=2.10", False),  # as numbers, not as text
        ("2.15.0+cu128", ">=2.10", True),
        ("0.30.0", ">=0.25,<0.30", False),
        ("0.30", "<0.30,>=0.25", False),
        ("0.29.9", "<0.30,>=0.25", True),
        ("3.11.0rc1", ">=3.11", False),  # PEP 440
        ("7", "", True),
        ("unknown", ">=1.0", False),
    ],
)
def test_a_version_lies_within_its_bounds_or_not(version, bounds, fits):
    assert within(version, bounds) is fits


def test_every_requirement_of_this_package_is_understood_and_met():
    assert judged(metadata.requires("ttq-bench"), {}).state == "ok"


def test_what_is_missing_or_too_old_is_a_problem_named_with_what_is_needed():
    pytest_version = metadata.version("pytest")
    found = judged(["pytest>=999.1", "no-such-package>=1.0", "rich>=1.0"], {})
    assert (found.state, found.found) == (
        "problem",
        f"pytest {pytest_version} (needs >=999.1), no-such-package is missing (needs >=1.0)",
    )
    assert "make install" in found.advice


def test_a_version_that_is_none_of_the_lock_is_a_warning():
    version = metadata.version("rich")
    found = judged(["rich>=1.0"], {"rich": {"0.1", "0.2"}})
    assert (found.state, found.found) == ("warning", f"rich {version} (lock: 0.1, 0.2)")
    assert judged(["rich>=1.0"], {"rich": {"0.1", version}}).state == "ok"


def test_what_only_an_extra_needs_is_not_asked_for():
    assert judged(["no-such-package>=1.0; extra == 'dev'"], {}).state == "ok"
