import json

import pytest

from tests.record_builders import write_grid, write_trial
from ttq_bench.cli import main

LAYERS = {"conv1": (1.2, 1.0)}


@pytest.fixture
def folders(tmp_path):
    """Three copied trials, three TTQ trials with other errors, one more in each folder."""
    a, b = tmp_path / "a", tmp_path / "b"
    for root, errors in ((a, (21.0, 22.0, 23.0)), (b, (21.6, 22.5, 23.4))):
        for seed, error in enumerate(errors):
            write_trial(root, f"fp-{seed}", seed=seed, errors=(40.0, 20.0 + seed))
            write_trial(root, f"ttq-{seed}", seed=seed, errors=(50.0, error), scales=LAYERS)
    write_trial(a, "dorefa-0", seed=0, errors=(9.0, 8.0), scales=LAYERS, method="dorefa-w1")
    write_trial(b, "bwn-0", seed=0, errors=(9.0, 8.0), scales=LAYERS, method="bwn")
    return a, b


def test_readers_see_counts_changes_and_a_row_for_each_arm(folders, capsys):
    a, b = folders
    assert main(["compare", str(a), str(b)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"A = {a}, B = {b}; errors in % of test images, intervals are 95 %"
    assert lines[1:5] == [
        "trials: 3 equal to the bit, 3 with other numbers, 1 only in A, 1 only in B",
        "  ttq-0: 21.00 -> 21.60 (+0.60)",
        "  ttq-1: 22.00 -> 22.50 (+0.50)",
        "  ttq-2: 23.00 -> 23.40 (+0.40)",
    ]
    header, full, ttq, *rest = lines[6:]
    assert header.split() == (
        ["arm", "n", "A", "n", "B", "error", "A", "error", "B", "B", "-", "A", "pairing", "verdict"]
    )
    assert full.startswith("resnet20, full precision, cifar10-jpeg, protocol short, 2 epochs")
    assert full.endswith("+0.00 [+0.00, +0.00]  by seed  equal to the bit")
    assert ttq.startswith("resnet20, TTQ max_fraction(0.05), ")
    assert ttq.endswith("+0.50 [+0.25, +0.75]  by seed  differs")
    assert rest == [
        "",
        "resnet20, TTQ max_fraction(0.05), cifar10-jpeg, protocol short, 2 epochs",
        "  mean |rho|, B - A: +0.0000 [+0.0000, +0.0000]",
        "  share of zeros, B - A: +0.0000 [+0.0000, +0.0000]",
    ]


def test_what_was_not_the_same_where_numbers_differ_is_named(tmp_path, capsys):
    a, b = tmp_path / "a", tmp_path / "b"
    for seed, (threads, commit) in enumerate([(2, "abc"), (2, "abc"), (1, "abc"), (2, "def")]):
        write_trial(a, f"t-{seed}", seed=seed, errors=(20.0,))
        error = 20.0 if seed == 1 else 21.0 + seed
        write_trial(b, f"t-{seed}", seed=seed, errors=(error,), threads=threads, commit=commit)
    assert main(["compare", str(a), str(b)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[2:6] == [
        "  t-3: 20.00 -> 24.00 (+4.00), threads 1 -> 2, commit abc -> def",
        "  t-2: 20.00 -> 23.00 (+3.00)",
        "  t-0: 20.00 -> 21.00 (+1.00), threads 1 -> 2",
        "  1 of these differ in the number of threads alone: sums in another order, which moves"
        " last bits and what training makes of them",
    ]
    assert main(["compare", str(a), str(b), "--json"]) == 0
    first, *_ = json.loads(capsys.readouterr().out)["changed"]
    assert first["circumstances"] == {"threads": ["1", "2"], "commit": ["abc", "def"]}


def test_what_is_not_shown_to_differ_is_bounded(tmp_path, capsys):
    a, b = tmp_path / "a", tmp_path / "b"
    for root, errors in ((a, (20.0, 21.0, 20.5)), (b, (20.1, 20.9, 20.5))):
        for seed, error in enumerate(errors):
            write_trial(root, f"{root.name}-{seed}", seed=seed, errors=(error,))
    assert main(["compare", str(a), str(b)]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.endswith("[-0.25, +0.25]  by seed  no difference shown: at most 0.25")


def test_arms_of_one_heading_are_told_apart_by_their_recipes(tmp_path, capsys):
    for number, pixels in enumerate(("x", "y")):
        write_trial(tmp_path, f"fp-{number}", seed=0, errors=(20.0,), pixels=pixels)
    main(["compare", str(tmp_path), str(tmp_path)])
    names = [line.split("  ")[0] for line in capsys.readouterr().out.splitlines()[-2:]]
    assert len(set(names)) == 2
    assert all(", recipe " in name for name in names)


def test_the_json_has_everything_and_no_number_that_json_lacks(folders, capsys):
    a, b = folders
    write_trial(b, "ttq-3", seed=3, errors=(1.0,), scales=LAYERS, outcome="diverged")
    write_trial(a, "ttq-3", seed=3, errors=(1.0,), scales=LAYERS)
    assert main(["compare", str(a), str(b), "--json"]) == 0
    found = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert found["repeated"] == ["fp-0", "fp-1", "fp-2"]
    assert found["only_a"] == ["dorefa-0"]
    assert found["only_b"] == ["bwn-0"]
    assert found["changed"][0] == {
        "trial_id": "ttq-3", "error_a": 1.0, "error_b": None, "difference": None,
        "circumstances": {},
    }  # fmt: skip
    full, ttq = (arm for arm in found["arms"] if arm["arm"]["epochs"] == "2")
    assert full["verdict"] == "equal to the bit"
    assert ttq["verdict"] == "differs"
    assert ttq["pairing"] == "by seed"
    assert ttq["error"]["mean"] == pytest.approx(0.5)
    assert ttq["largest_difference_allowed"] == pytest.approx(0.7484, abs=1e-4)


def test_only_records_of_the_codes_training_version_are_compared(folders, capsys):
    a, b = folders
    assert main(["compare", str(a), str(b)]) == 0
    alone = capsys.readouterr().out.splitlines()
    for root, name in ((a, "ttq-7"), (a, "ttq-8"), (b, "ttq-7")):
        write_trial(root, name, seed=7, errors=(90.0, 80.0), scales=LAYERS, training_version=0)
    assert main(["compare", str(a), str(b)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines.pop(2) == (
        "left out: 2 of A, 1 of B, made under another training version than 1, the code's"
    )
    assert lines == alone
    assert main(["compare", str(a), str(b), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["left_out_a"], found["left_out_b"]) == (["ttq-7", "ttq-8"], ["ttq-7"])


def test_folders_of_stale_records_alone_have_nothing_to_compare(tmp_path, capsys):
    write_trial(tmp_path, "fp-0", seed=0, errors=(20.0,), training_version=0)
    assert main(["compare", str(tmp_path), str(tmp_path)]) == 0
    assert "left out: 1 of A, 1 of B, " in capsys.readouterr().out


def test_folders_without_a_common_arm_say_so(tmp_path, capsys):
    write_trial(tmp_path / "a", "fp-0", seed=0, errors=(20.0,))
    write_trial(tmp_path / "b", "fp-0", seed=0, errors=(20.0,), dataset="mnist-png")
    assert main(["compare", str(tmp_path / "a"), str(tmp_path / "b")]) == 0
    assert "no arm is in both" in capsys.readouterr().out


@pytest.mark.parametrize("missing", [0, 1])
def test_a_folder_that_is_none_is_refused(tmp_path, capsys, missing):
    write_grid(tmp_path / "a", seeds=1)
    words = [str(tmp_path / "a")] * 2
    words[missing] = str(tmp_path / "none")
    assert main(["compare", *words]) == 2
    assert capsys.readouterr().err == (
        f"ttq-bench: {tmp_path / 'none'}: no such folder; name two results folders\n"
    )
    (tmp_path / "none").mkdir()
    assert main(["compare", *words]) == 2
    assert "is no results folder" in capsys.readouterr().err
