"""The three sentences follow from the verdicts."""

from dataclasses import replace

import pytest

from tests.record_builders import write_grid, write_trial
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.report.answer import answer
from ttq_bench.report.contents import read_contents

CLOSE = {"layer1.conv1": (1.01, 1.0), "layer1.conv2": (1.0, 1.02)}


def sentences(root):
    return [line for line in answer(read_contents(ResultsPaths(root))) if line[:1].isdigit()]


def write_networks(root, scales, ttq, tied):
    """Publish parents, TTQ and the variant with one scale, with these errors by seed."""
    for seed, (two, one) in enumerate(zip(ttq, tied, strict=True)):
        moved = {name: (p + 0.001 * seed, n) for name, (p, n) in scales.items()}
        parent = f"fp-{seed}"
        write_trial(root, parent, seed=seed, errors=(20.0,))
        kept = {"seed": seed, "parent": parent, "scales": moved}
        write_trial(root, f"ttq-{seed}", errors=(20.0, two), **kept)
        write_trial(root, f"tied-{seed}", errors=(20.0, one), method="ttq-tied", **kept)


def test_scales_that_stay_close_and_do_not_matter(tmp_path):
    write_networks(tmp_path, CLOSE, (20.0, 20.2, 20.4), (20.01, 20.19, 20.41))
    diverge, matter, stands = sentences(tmp_path)
    said = "1. **Training makes them differ by less than 5%, that it stays below 10% is shown:**"
    assert diverge.startswith(said)
    assert "n = 3, stand-in: resnet20, cifar10-jpeg, protocol short" in diverge
    assert "changes the error by less than 0.25 points (+0.00 [-0.03, +0.03] points" in matter
    assert "Of 18 parts of its claims 2 contradicted by counting bytes" in stands
    assert stands.endswith("Of the critique's 2 parts 2 supported on stand-ins.")


def test_scales_that_differ_and_matter(tmp_path):
    far = {"layer1.conv1": (1.3, 1.0), "layer1.conv2": (1.0, 1.25)}
    write_networks(tmp_path, far, (20.0, 20.2, 20.4), (21.0, 21.3, 21.35))
    diverge, matter, _ = sentences(tmp_path)
    said = "1. **Training makes them differ by more than 5%, and by more than 10%:**"
    assert diverge.startswith(said)
    assert "makes the error larger (+1.02" in matter
    assert "less than" not in matter


def test_nothing_is_answered_that_was_not_measured(tmp_path):
    write_trial(tmp_path, "fp-0", seed=0, errors=(20.0,))
    (stands,) = sentences(tmp_path)
    assert "0 supported" not in stands
    assert "on its own data and schedule 18 not run" in stands


def test_a_stand_in_is_not_counted_for_the_paper(tmp_path):
    write_grid(tmp_path)
    *_, stands = sentences(tmp_path)
    own, stand_ins = stands.split("; on stand-ins")
    assert "16 not run" in own  # all but the two that are settled by counting
    assert "contradicted" in stand_ins


@pytest.mark.parametrize("printed_sign", [True, False])
def test_the_printed_sign_is_named_where_it_was_run(tmp_path, printed_sign):
    write_grid(tmp_path)
    if printed_sign:
        for seed in range(2):
            scales = {"layer1.conv1": (1.0, 1.0)}
            write_trial(
                tmp_path, f"printed-{seed}", seed=seed, errors=(9.0, 8.0), parent=f"fp-{seed}",
                scales=scales, method="ttq-as-printed",
            )  # fmt: skip
    first, *_ = sentences(tmp_path)
    assert ("with the sign that Eq. 7 prints it is 0.0000" in first) == printed_sign


def test_the_answer_needs_every_row_of_the_ledger(tmp_path):
    write_grid(tmp_path)
    contents = read_contents(ResultsPaths(tmp_path))
    with pytest.raises(KeyError):
        answer(replace(contents, ledger=contents.ledger[:3]))
