import json
import os
from pathlib import Path

import pytest

from tests.tiny_suite import settings_for, tiny_specs, write_suite
from ttq_bench.cli import main
from ttq_bench.trial.attempt import attempt


def test_a_plan_as_json_has_the_documented_fields(tmp_path, cache, capsys):
    results = tmp_path / "results"
    assert main(["plan", str(write_suite(tmp_path)), "--results", str(results), "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan.keys() == {
        "suite", "profile", "protocol", "device", "slots", "threads",
        "estimated_seconds", "estimate_from_records", "warnings", "trials",
    }  # fmt: skip
    assert (plan["suite"], plan["protocol"], plan["estimate_from_records"]) == (
        "tiny",
        "test",
        False,
    )
    specs = tiny_specs(cache)
    assert [trial["trial_id"] for trial in plan["trials"]] == [spec.trial_id for spec in specs]
    assert [trial["spec"] for trial in plan["trials"]] == [spec.resolved() for spec in specs]
    assert plan["trials"][0].keys() == {
        "trial_id", "state", "reason", "parent", "epochs_left", "core_seconds", "spec",
    }  # fmt: skip
    assert not results.exists()


def test_a_plan_for_readers_says_what_is_new_and_how_long_it_takes(tmp_path, capsys):
    results = tmp_path / "results"
    assert main(["plan", str(write_suite(tmp_path)), "--results", str(results)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Tiny (suite tiny, protocol test)"
    assert lines[1] == "images: digits, 1,397 training and 400 test (bundled)"
    recipe = "2 epochs of batch 32, rate 0.03, cosine, weight decay 0.0001, fp32, augmentation none"
    assert lines[2] == f"training.full_precision: {recipe}"
    assert lines[4] == "  new      lenet5  seed 0  full_precision  2 epochs to go"
    assert lines[5] == "  new      lenet5  seed 0  ttq max_fraction(0.05)  2 epochs to go"
    assert lines[7] == f"3 trials: 0 done, 3 to run; results in {results}"
    assert "(a rough guess)" in lines[8]
    assert not results.exists()


def test_a_plan_knows_what_is_done_and_what_failed(tmp_path, cache, capsys):
    results = tmp_path / "results"
    parent, child, _ = tiny_specs(cache, epochs=1)
    settings = settings_for(results, cache)
    assert attempt(child, settings, bool).outcome == "failed"  # no weights of a parent yet
    assert attempt(parent, settings, bool).outcome == "finished"
    suite = write_suite(tmp_path, epochs=1)
    assert main(["plan", str(suite), "--results", str(results), "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert [trial["state"] for trial in plan["trials"]] == ["done", "failed", "new"]
    assert [trial["epochs_left"] for trial in plan["trials"]] == [0, 1, 1]
    assert plan["estimate_from_records"] is True


def test_a_plan_with_nothing_to_do_names_the_way_to_train_anew(tmp_path, cache, capsys):
    results = tmp_path / "results"
    (parent,) = (spec for spec in tiny_specs(cache, epochs=1) if spec.quantization is None)
    assert attempt(parent, settings_for(results, cache), bool).outcome == "finished"
    suite = write_suite(tmp_path, epochs=1, methods=("full_precision",))
    assert main(["plan", str(suite), "--results", str(results)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "all is done; --results with another folder trains it anew"
    assert not any("to go" in line for line in lines)


def test_a_trial_whose_record_is_stale_is_new_and_readers_are_told_why(tmp_path, cache, capsys):
    results = tmp_path / "results"
    stale = tiny_specs(cache)[0].model_copy(update={"training_version": 0})
    assert attempt(stale, settings_for(results, cache), bool).outcome == "finished"
    assert main(["plan", str(write_suite(tmp_path)), "--results", str(results)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[4].endswith("2 epochs to go (has a stale record (training version 0))")
    assert lines[7].startswith("3 trials: 0 done, 3 to run")


@pytest.mark.parametrize("command", ["plan", "run"])
def test_a_gpu_that_is_not_there_is_refused(tmp_path, monkeypatch, capsys, command):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    words = [command, str(write_suite(tmp_path)), "--results", str(tmp_path / "results")]
    assert main([*words, "--device", "cuda"]) == 2
    assert capsys.readouterr().err == (
        "ttq-bench: --device cuda: no GPU found on this machine; leave it out to use CPUs\n"
    )
    assert not (tmp_path / "results").exists()


def test_more_threads_than_cores_are_refused_instead_of_waited_for(tmp_path, capsys):
    words = ["run", str(write_suite(tmp_path)), "--results", str(tmp_path / "results")]
    assert main([*words, "--threads", "100000"]) == 2
    assert "--threads 100000: this machine has" in capsys.readouterr().err
    assert not (tmp_path / "results").exists()


def test_a_plan_of_imagenet_tells_gpu_hours_for_the_whole_set_where_it_is_not_here(
    tmp_path, capsys
):
    suite = Path(__file__).parents[2] / "suites" / "imagenet.yaml"
    places = ["--data-dir", str(tmp_path / "none"), "--results", str(tmp_path / "results")]
    words = [str(suite), "--profile", "table2", *places]
    assert main(["plan", *words]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == (
        "images: imagenet, 1,281,167 training and 50,000 test (not here, so the whole set is"
        " assumed)"
    )
    rows = lines[lines.index(next(line for line in lines if line.startswith("GPU hours"))) + 1 :]
    # 3 * 1,271,167 + 60,000 images of 1.937e9 operations at 8.6e12 a second, 80 times: 19.5 hours.
    assert rows[0].startswith("  alexnet  full_precision  80 epochs: 19.5 for a seed, 58.4 for all")
    assert len(rows) == 6 + 2
    assert main(["run", *words]) == main(["plan", *words, "--json"]) == 5
    assert "no such folder; name with --data-dir" in capsys.readouterr().err


def test_a_plan_warns_of_layers_that_get_too_large_and_names_them(tmp_path, capsys):
    suite = write_suite(tmp_path, methods=("full_precision", "ttq", "twn"), conversion={})

    assert main(["plan", str(suite), "--results", str(tmp_path / "results")]) == 0
    (line,) = [one for one in capsys.readouterr().out.splitlines() if one.startswith("warning")]
    assert line.startswith("warning: lenet5, ttq: no normalisation stands between the output and")
    assert all(name in line for name in ("conv2 (", "fc1 (", "fc2 (", "least_squares", "Adam"))
    assert main(["plan", str(suite), "--results", str(tmp_path / "results"), "--json"]) == 0
    assert [line] == json.loads(capsys.readouterr().out)["warnings"]


def test_a_pipe_among_the_results_is_refused_and_not_waited_for(tmp_path, capsys):
    os.mkfifo(tmp_path / "summary.md")
    assert main(["plan", "demo", "--results", str(tmp_path)]) == 2
    assert "summary.md: is neither a file nor a folder" in capsys.readouterr().err


def test_a_plan_warns_of_attention_that_begins_at_one_place(tmp_path, capsys):
    words = ["plan", "transformer", "--data-dir", str(tmp_path), "--results", str(tmp_path)]
    assert main(words) == 0
    (line,) = [one for one in capsys.readouterr().out.splitlines() if one.startswith("warning")]
    assert line.startswith(
        "warning: vit_cifar, ternary-plain: no normalisation stands between a softmax and these"
    )


def test_a_plan_with_scales_that_fit_has_no_warning(tmp_path, capsys):
    assert main(["plan", str(write_suite(tmp_path)), "--results", str(tmp_path / "results")]) == 0
    assert "warning" not in capsys.readouterr().out
