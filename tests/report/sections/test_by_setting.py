"""The verdicts of each setting, and how those go together that look contradictory."""

import re

import pytest

from tests.record_builders import write_grid, write_probe, write_trial
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.probes import Healing
from ttq_bench.report.contents import read_contents
from ttq_bench.report.sections.by_setting import READAPTS, by_setting

CLOSE = {"layer1.conv1": (1.01, 1.0), "layer1.conv2": (1.0, 1.02)}
FAR = {"layer1.conv1": (1.3, 1.0), "layer1.conv2": (1.0, 1.25)}


def lines_of(root):
    return by_setting(read_contents(ResultsPaths(root)))


def sentences(root):
    return [line for line in lines_of(root) if line.startswith("**")]


def rows_of(root):
    return [line for line in lines_of(root) if line.startswith("| resnet20")]


def write_networks(root, scales, ttq, tied, **more):
    """Publish parents, TTQ and the variant with one scale, with these errors by seed."""
    tag = "".join(more.values())
    for seed, (two, one) in enumerate(zip(ttq, tied, strict=True)):
        moved = {name: (p + 0.001 * seed, n) for name, (p, n) in scales.items()}
        parent = f"fp{tag}-{seed}"
        write_trial(root, parent, seed=seed, errors=(20.0,), **more)
        kept = {"seed": seed, "parent": parent, "scales": moved, **more}
        write_trial(root, f"ttq{tag}-{seed}", errors=(20.0, two), **kept)
        write_trial(root, f"tied{tag}-{seed}", errors=(20.0, one), method="ttq-tied", **kept)


def test_scales_that_stay_close_and_do_not_matter(tmp_path):
    write_networks(tmp_path, CLOSE, (20.0, 20.2, 20.4), (20.01, 20.19, 20.41))
    (row,) = rows_of(tmp_path)
    assert all(verdict in row for verdict in ("*below 0.05*", "*below 0.1*", "*as good*"))
    (stands,) = sentences(tmp_path)
    assert "Of 18 parts of its claims 2 contradicted by counting bytes" in stands
    assert stands.endswith("Of the critique's 2 parts 2 supported on proxy evidence.")


def test_scales_that_differ_and_matter(tmp_path):
    write_networks(tmp_path, FAR, (20.0, 20.2, 20.4), (21.0, 21.3, 21.35))
    (row,) = rows_of(tmp_path)
    assert all(
        verdict in row for verdict in ("*above 0.05*", "*above 0.1*", "*0.125 or more apart*")
    )


@pytest.mark.slow
def test_each_setting_has_a_row_of_its_own(tmp_path):
    errors = (20.0, 20.2, 20.4), (20.01, 20.19, 20.41)
    write_networks(tmp_path, CLOSE, *errors)
    write_networks(tmp_path, FAR, *errors, protocol="modern")
    rows = rows_of(tmp_path)
    assert ["modern" in row for row in rows] == [True, False]
    assert "*above 0.05*" in rows[0]
    assert "*below 0.05*" in rows[1]
    assert all(row.count("*as good*") == 1 for row in rows)


@pytest.mark.slow
def test_a_verdict_that_does_not_hold_after_correction_stands_alone(tmp_path):
    """One scale costs 0.5 points at p = 0.04; over some ten claims that is no evidence."""
    write_networks(tmp_path, CLOSE, (20.0, 20.2, 20.4), (20.35, 20.7, 21.05))
    (row,) = rows_of(tmp_path)
    assert "+0.50 [+0.13, +0.87]: *0.125 or more apart, alone*" in row


@pytest.mark.slow
def test_how_both_can_be_is_told_in_one_setting_where_records_carry_it(tmp_path):
    same = {"layer1.conv1": (1.1, 1.0), "layer1.conv2": (1.2, 1.0), "layer1.conv3": (1.1, 1.0)}
    write_networks(tmp_path, same, (20.0, 20.2, 20.4), (20.1, 20.2, 20.3))
    assert len(sentences(tmp_path)) == 1  # no probe
    for seed in range(3):
        write_probe(tmp_path, f"ttq-{seed}", control=20.0, together=21.0 + 0.1 * seed)
    both, _ = sentences(tmp_path)
    assert both.startswith("**How both can be** (resnet20, cifar10-jpeg, protocol short): ")
    assert "all 3 seeds agree in 3 of 3, by chance in 0.8" in both
    assert re.search(r"as good within 0\.25 points", both)
    assert "hurt (+1.10 [+0.85, +1.35] points" in both
    assert both.endswith(READAPTS)
    healing = Healing(
        epochs=1, learning_rate=0.005, as_trained_error_percent=20.0, equal_error_percent=21.0
    )
    for seed in range(3):
        write_probe(
            tmp_path, f"ttq-{seed}", control=20.0, together=21.0 + 0.1 * seed, healing=healing
        )
    both, _ = sentences(tmp_path)
    assert READAPTS not in both


def test_nothing_is_answered_that_was_not_measured(tmp_path):
    write_trial(tmp_path, "fp-0", seed=0, errors=(20.0,))
    (stands,) = sentences(tmp_path)
    assert "0 supported" not in stands
    assert "on its own data and schedule 18 not run" in stands


def test_proxy_evidence_is_not_counted_for_the_paper(tmp_path):
    write_grid(tmp_path)
    *_, stands = sentences(tmp_path)
    own, proxies = stands.split("; on proxy evidence")
    assert "16 not run" in own  # all but the two that are settled by counting
    assert "contradicted" in proxies


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [1, 2])
def test_few_seeds_are_undecided(tmp_path, seeds):
    write_grid(tmp_path, seeds=seeds)
    (row,) = rows_of(tmp_path)
    assert row.count("*undecided*") == len(row.split(" | ")) - 1 - row.count("| –")
