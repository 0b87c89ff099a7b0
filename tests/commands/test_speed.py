import json

import pytest

from ttq_bench.cli import main

SMALL = ["--model", "lenet5", "--batch-size", "4", "--rounds", "5", "--threads", "1"]


def test_every_method_gets_a_ratio_with_its_interval_and_full_precision_is_one(capsys):
    assert main(["speed", "ttq", "bwn", "ttq", *SMALL, "--json"]) == 0

    told = json.loads(capsys.readouterr().out)
    assert list(told["methods"]) == ["full_precision", "ttq", "bwn"]
    for name, row in told["methods"].items():
        assert row["median_ms"] > 0
        assert row["low"] <= row["ratio"] <= row["high"]
        assert (name == "full_precision") == (row["ratio"] == row["low"] == row["high"] == 1)


def test_the_table_names_the_step_that_was_timed(capsys):
    assert main(["speed", *SMALL, "--precision", "fp32"]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(
        "one training step of lenet5, max_fraction(0.05), batch 4, fp32, 1 threads, 5 rounds"
    )
    assert [line.split()[0] for line in lines[2:]] == ["full_precision", "ttq"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--strategy", "max_fraction"], "expected NAME:NUMBER, for example max_fraction:0.05"),
        (["--strategy", "max_fraction:2"], "speed: --strategy: max_fraction takes a"),
        (["--batch-size", "70000"], "--batch-size: expected at most 65536, got 70000"),
        (["--threads", "3000000000"], "--threads: expected at most"),
        (["--rounds", "1"], "--rounds: an interval needs at least 2, got 1"),
        (["tqt"], "unknown method 'tqt'; did you mean 'ttq'"),
        (["--model", "resnet21"], "unknown model 'resnet21'; did you mean '"),
    ],
)
def test_unknown_names_are_told(words, said, capsys):
    assert main(["speed", *words]) == 2
    assert said in capsys.readouterr().err
