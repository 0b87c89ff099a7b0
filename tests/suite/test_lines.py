"""Each problem of a suite is told with the line on which it stands."""

import pytest

from tests.suite.conftest import CARDS, problems_of
from ttq_bench.errors import SuiteError
from ttq_bench.suite.grid import expand
from ttq_bench.suite.reading import read_with_origin

TEXT = """\
name: small
title: A small grid
protocol: short
datasets: [cifar10]
models: [resnet20, resnet32]
methods:
  - full_precision
  - ttq
delta_strategies:
  - max_fraction: 0.05
  - constant_sparsity:
      number: 0.5
seeds: [0, 1]
training:
  full_precision: &recipe
    epochs: 8
    batch_size: 32
  fine_tuned:
    <<: *recipe
    epochs: 3
exclude:
  - {model: resnet32, seed: 1}
default_profile: short
profiles:
  short: {}
  long:
    seeds: [0, 1, 2]
    training:
      fine_tuned:
        epochs: 30
"""


def changed(before, after):
    assert TEXT.count(before) == 1
    return TEXT.replace(before, after)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("seeds: [0, 1]\n", "seeds: [0, x]\n", "  line 13: seeds.1: expected a whole number"),
        ("epochs: 8", "epochs: '8'", "  line 16: training.full_precision.epochs: expected a wh"),
        ("models: ", "modles: ", "  line 5: modles: unknown field"),
        ("  - ttq", "  - tqt", "  line 8: methods.1: unknown method 'tqt'"),
        ("number: 0.5", "number: 1.5", "  line 11: delta_strategies.1: constant_sparsity"),
        ("    epochs: 8\n", "", "  line 15: training.full_precision.epochs: is missing"),
        ("[cifar10]", "[mnist]", "  line 5: models: 'resnet20' takes images of"),
        ("protocol: short", "protocol: paper", "  line 16: training.full_precision.epochs: prot"),
        ("{model: resnet32, seed: 1}", "{seed: -1}", "  line 22: exclude.0.seed.0: expected great"),
        ("name: small\n", "", "  name: is missing"),
        ("short: {}", "short: 3", "small.yaml, line 25: profiles: expected a mapping of names"),
        ("short: {}", "A b: {}", "small.yaml, line 25: profiles: 'A b' is no name"),
        ("default_profile: short", "default_profile: shrt", "small.yaml, line 23: unknown profile"),
        ("default_profile: short", "default_profile: {cpu: 3}", "small.yaml, line 23: default_pr"),
    ],
)  # fmt: skip
def test_a_problem_is_told_with_its_line(read, before, after, said):
    assert said in problems_of(read, changed(before, after))


def test_a_value_that_a_merge_key_brings_has_the_line_where_it_is_written(read):
    message = problems_of(read, changed("batch_size: 32", "batch_size: 0"))
    assert "  line 17: training.full_precision.batch_size: expected" in message
    assert "  line 17: training.fine_tuned.batch_size: expected" in message


def test_a_value_of_a_profile_has_the_line_in_the_profile(read):
    text = changed("epochs: 30", "epochs: 0").replace("[0, 1, 2]", "[0, 1, 1]")
    message = problems_of(read, text, profile="long")
    assert "  line 30: training.fine_tuned.epochs: expected" in message
    assert "  line 27: seeds: 1 is given twice" in message
    read(text, profile="short")


def read_changed(tmp_path, text, *changes, dataset=None):
    path = tmp_path / "small.yaml"
    path.write_text(text, encoding="utf-8")
    return read_with_origin(path, "auto", "cpu", dataset, changes)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("seeds=[x]", " with --set seeds=[x]: 1 problem\n  seeds.0: expected"),
        ("training.fine_tuned.epochs=0", "0: 1 problem\n  training.fine_tuned.epochs: expected"),
    ],
)
def test_a_value_of_the_command_line_has_no_line(tmp_path, change, said):
    with pytest.raises(SuiteError) as caught:
        read_changed(tmp_path, TEXT, change)
    assert said in str(caught.value)


def test_a_dataset_of_the_command_line_has_no_line(tmp_path):
    with pytest.raises(SuiteError, match=r"\n  datasets\.0: unknown dataset 'cifr'"):
        read_changed(tmp_path, TEXT, dataset="cifr")


def test_other_values_keep_their_lines_beside_one_of_the_command_line(tmp_path):
    with pytest.raises(SuiteError, match=r"\n  line 7: methods\.0: unknown method"):
        read_changed(tmp_path, changed("- full_precision", "- x"), "seeds=[3]")


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("seed: 1}", "seed: 7}", r"small\.yaml, line 22: exclude\.0: \(model: resnet32, seed: 7\)"),
        ("default_profile", "include:\n- {seed: 7}\ndefault_profile",
         r"small\.yaml, line 24: include\.0: \(seed: 7\) matches no trial"),
        ("- {model: resnet32, seed: 1}", "- {seed: 0}\n  - {seed: 1}",
         r"small\.yaml, line 21: exclude: the selections together leave no trial"),
    ],
)  # fmt: skip
def test_a_selection_that_does_not_fit_the_grid_is_told_with_its_line(
    tmp_path, before, after, said
):
    suite, _, origin = read_changed(tmp_path, changed(before, after))
    with pytest.raises(SuiteError, match=said):
        expand(suite, CARDS, origin)
