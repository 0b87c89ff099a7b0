"""The short answers, each with its settings, intervals and seeds."""

import re

import pytest

from tests.record_builders import tables_of, write_arm, write_grid, write_probe, write_trial
from tests.report.sections.test_by_setting import CLOSE, FAR, write_networks
from ttq_bench.analysis.claims import CLAIMS
from ttq_bench.analysis.ledger import LedgerRow
from ttq_bench.analysis.measured import Measured, Network
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.probes import Healing
from ttq_bench.report.contents import read_contents
from ttq_bench.report.sections.short_answer import QUESTION, ratio, short_answer

SAME = (20.0, 20.2, 20.4), (20.01, 20.19, 20.41)  # errors with two scales and with one


def words_and_sentences(root):
    lines = short_answer(read_contents(ResultsPaths(root)))
    return lines[:1], [line.partition(" ")[2] for line in lines if line[:1].isdigit()]


def sentences(root):
    return words_and_sentences(root)[1]


def test_a_difference_without_effect_is_told_with_settings_intervals_and_seeds(tmp_path):
    write_networks(tmp_path, FAR, *SAME)
    differ, larger, one, paper = sentences(tmp_path)
    assert "Training moves them more than a factor of 1.051 apart (mean over layers" in differ
    assert "an estimate may be below 1): *yes* in `short` (1." in differ
    assert " times, n = 3" in differ
    assert "less than a factor of 1.105 apart (that noise included): *no* in `short` (1." in differ
    assert larger.startswith(
        "**Which is larger?** On average over layers, at the end: the positive one in `short` (1."
    )
    assert "within 0.125 points of test error: *yes* in `short` (+0.00 [" in one
    assert one.endswith(
        "] points, n = 3 ‡, at a mean error of both of 20.20 %)."
        " Where this was measured, it was shown to be worse in none."
    )
    assert paper.startswith("**The paper?** All that was trained is proxy evidence: ")
    assert (
        "Of the 18 parts of its claims (1 of them recalled, not verified) 2 contradicted, by"
        " counting bytes, which needs no training (*nearly 16 times* is read as 15 or more); 16"
    ) in paper


def test_what_looks_contradictory_is_reconciled_where_both_are_shown(tmp_path):
    write_networks(tmp_path, FAR, *SAME)
    for seed in range(3):
        write_probe(tmp_path, f"ttq-{seed}", control=20.0, together=21.0 + 0.1 * seed)
    *_, equal, _ = sentences(tmp_path)
    assert "raise its error: *yes* in `short` (+1.10 [+0.85, +1.35] points, n = 3" in equal
    assert (
        "Yet one scale from the start costs at most +0.03 points in `short` (the end of its"
        " interval): so a network may be tuned to the two scales that it was trained with, without"
        " having needed them."
    ) in equal
    assert equal.endswith(" What other changes of the same size cost was not measured.")


@pytest.mark.slow
def test_settings_are_not_mixed_to_reconcile_what_looks_contradictory(tmp_path):
    write_networks(tmp_path, FAR, *SAME, protocol="modern")  # one scale does as well, no probe
    write_networks(tmp_path, FAR, (20.0, 20.2, 20.4), (21.0, 21.3, 21.35))
    for seed in range(3):
        write_probe(tmp_path, f"ttq-{seed}", control=20.0, together=21.0 + 0.1 * seed)
    assert "tuned" not in " ".join(sentences(tmp_path))


def test_nothing_is_reconciled_where_one_scale_is_worse(tmp_path):
    write_networks(tmp_path, FAR, (20.0, 20.2, 20.4), (21.0, 21.3, 21.35))
    for seed in range(3):
        write_probe(tmp_path, f"ttq-{seed}", control=20.0, together=21.0 + 0.1 * seed)
    *_, one, equal, _ = sentences(tmp_path)
    assert one.endswith(" Where this was measured, it was shown to be worse in `short`.")
    assert "tuned" not in equal


def test_a_finding_that_does_not_hold_after_correction_has_a_dagger_that_is_explained(tmp_path):
    write_networks(tmp_path, CLOSE, *SAME)
    for seed, error in enumerate((20.45, 20.7, 20.95)):  # p = 0.04 alone
        write_probe(tmp_path, f"ttq-{seed}", control=20.0, together=error)
    (words,), (*_, equal, _) = words_and_sentences(tmp_path)
    assert "n = 3 †‡)" in equal
    assert "† marks what holds alone, not after correction for the number of claims" in words


def test_what_is_left_after_one_more_epoch_is_told(tmp_path):
    write_networks(tmp_path, FAR, *SAME)
    for seed in range(3):
        healing = Healing(
            epochs=1, learning_rate=0.005, as_trained_error_percent=20.0,
            equal_error_percent=21.0 + 0.1 * seed,
        )  # fmt: skip
        write_probe(tmp_path, f"ttq-{seed}", control=20.0, together=21.0, healing=healing)
    assert (
        "They still cost something after one more epoch of training: *yes* in `short` (+1.10 [+0.85"
    ) in sentences(tmp_path)[3]


@pytest.mark.slow
def test_settings_of_one_protocol_are_told_by_their_whole_names(tmp_path):
    write_networks(tmp_path, FAR, *SAME)
    write_networks(tmp_path, FAR, *SAME, protocol="modern")
    (words,), _ = words_and_sentences(tmp_path)
    assert "Settings: `modern` resnet20 on cifar10-jpeg, 1 + 2 epochs; `short` resnet20" in words
    write_networks(tmp_path, FAR, *SAME, model="resnet32")
    differ = sentences(tmp_path)[0]
    assert "`modern` (1." in differ
    assert "resnet32, cifar10-jpeg, protocol short (1." in differ


def test_there_are_at_most_five_answers_without_symbols_that_are_not_explained(tmp_path):
    write_networks(tmp_path, FAR, *SAME)
    for seed in range(3):
        write_probe(tmp_path, f"ttq-{seed}", control=20.0, together=21.0 + 0.1 * seed)
    words, told = words_and_sentences(tmp_path)
    assert len(told) == 5
    assert max(answer.count(". ") for answer in told) <= 2
    assert "‡ marks a verdict when its question, margin, way to judge or number of" in "".join(
        words
    )
    assert not set("ρ√Δ|") & set(QUESTION + "".join(told))


def test_records_without_evidence_on_the_question_give_no_answer(tmp_path):
    write_trial(tmp_path, "fp-0", seed=0, errors=(20.0,))
    assert sentences(tmp_path) == []


def test_a_ratio_is_the_exponential_of_the_mean_logarithm():
    short = Network("cifar10-jpeg", "short", "resnet20")
    measured = Measured((0.09, 0.1, 0.11), ("a", "b", "c"), counted=False)
    row = LedgerRow(CLAIMS["A1 different"], short, measured, exact=False)
    assert ratio(row) == "1.105 [1.078, 1.133] times"  # exp(0.1 -+ 0.0248)


def test_one_seed_has_a_ratio_and_no_interval(tmp_path):
    write_grid(tmp_path, seeds=1)
    assert len(tables_of(tmp_path).trials) == 3
    assert "1.096 (one seed: no interval) times, n = 1" in sentences(tmp_path)[0]


def test_a_setting_in_which_nobody_asked_is_named(tmp_path):
    write_networks(tmp_path, FAR, *SAME)
    for seed in range(3):
        write_trial(tmp_path, f"m-{seed}", seed=seed, errors=(20.0,), protocol="modern")
        write_trial(
            tmp_path, f"mt-{seed}", seed=seed, errors=(20.0,), parent=f"m-{seed}",
            scales=FAR, protocol="modern",
        )  # fmt: skip
    one = sentences(tmp_path)[2]
    assert "n = 3 ‡, at a mean error of both of 20.20 %); not measured in `modern`. Where" in one


def test_weights_without_scales_are_told_beside_one_scale(tmp_path):
    write_networks(tmp_path, FAR, *SAME)
    write_arm(tmp_path, "ternary-plain", {0: 20.5, 1: 20.7, 2: 20.9}, scales=FAR)
    one = sentences(tmp_path)[2]
    assert one.endswith(
        " No scale at all (weights of 1, 0, -1; not judged) costs +0.50 [+0.50, +0.50] points in"
        " `short` (n = 3, at one learning rate for both)."
    )


def test_scales_that_start_unequal_are_told(tmp_path):
    start = dict.fromkeys(FAR, (1.1, 1.0))
    for seed in range(3):
        write_trial(
            tmp_path, f"ttq-{seed}", seed=seed, errors=(20.0,), at_start=start, scales=FAR
        )  # fmt: skip
    assert sentences(tmp_path)[0].endswith(
        " In `short` they start unequal, by a factor of 1.100 on average: the first number tells"
        " what training adds to that, the second what stands at the end."
    )


def test_each_setting_has_its_answer_and_what_is_not_known_is_said(tmp_path):
    write_networks(tmp_path, FAR, *SAME, protocol="modern")
    write_networks(tmp_path, CLOSE, *SAME)
    spread = (20.0, 20.2, 20.4), (21.0, 20.1, 19.9)  # too few seeds for so much noise
    write_networks(tmp_path, {"a": (0.8, 1.0), "b": (0.7, 1.0)}, *spread, protocol="other")
    differ, larger, one, _ = sentences(tmp_path)
    told = r"{}: \*yes\* in `modern` \([^)]+\), `other` \([^)]+\); \*no\* in `short` \([^)]+\)\."
    assert re.search(told.format(r"below 1\)"), differ)
    turned = r"the positive one in `modern` \([^)]+\).*; the negative one in .*`other`"
    assert re.search(turned, larger)
    assert re.search(r"\*yes\* in `modern` .*, `short` .*; \*undecided\* in `other` \(", one)
