"""One trial: its record, its exact resume, its start, and what it refuses."""

import re
import shutil
import subprocess
import sys

import pytest
import torch

from tests.claimed import claimed_progress
from tests.tiny_suite import settings_for, tiny_specs
from tests.trial.same_trial import assert_same_trial, bring_parent, rows
from ttq_bench.data.identity import identify
from ttq_bench.data.prepared import load_images
from ttq_bench.data.sources import find_source
from ttq_bench.errors import DataError, TtqBenchError
from ttq_bench.files import digest_path
from ttq_bench.records.attempts.progress import Progress, read_progress
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.schema import EPOCH_COLUMNS, SCALE_COLUMNS
from ttq_bench.records.store import read_record
from ttq_bench.records.weights import weights_path
from ttq_bench.ternary.conversion import latent_of, quantized_layers
from ttq_bench.training.checkpoints import load_state, save_state
from ttq_bench.trial.inputs import convert_, starting_model
from ttq_bench.trial.run import run_trial

TRIALS = pytest.mark.parametrize("index", [0, 1, 2], ids=["full_precision", "ttq-1", "ttq-2"])


def test_a_full_precision_record_has_a_row_for_each_epoch_and_no_scales(whole, cache):
    paths = ResultsPaths(whole).trial(tiny_specs(cache, epochs=3)[0].trial_id)
    table = rows(paths, "epochs.parquet")
    assert [row["epoch"] for row in table] == [1, 2, 3]
    assert tuple(table[0]) == EPOCH_COLUMNS
    assert not (paths.folder / "scales.parquet").exists()


def test_a_ternary_record_has_scales_of_each_converted_layer_from_epoch_zero_on(whole, cache):
    paths = ResultsPaths(whole).trial(tiny_specs(cache, epochs=3)[1].trial_id)
    table = rows(paths, "scales.parquet")
    assert tuple(table[0]) == SCALE_COLUMNS
    assert [(row["epoch"], row["layer"]) for row in table] == [
        (epoch, layer) for epoch in range(4) for layer in ("conv2", "fc1", "fc2")
    ]


@pytest.fixture(scope="module")
def after_two_epochs(tmp_path_factory, cache):
    """Results in which the parent was stopped after two of its three epochs; copy to go on."""
    results = tmp_path_factory.mktemp("stopped") / "results"
    spec = tiny_specs(cache, epochs=3)[0]
    paths = ResultsPaths(results).trial(spec.trial_id)
    stop = lambda: read_progress(paths).epoch >= 2  # noqa: E731
    assert run_trial(spec, settings_for(results, cache), stop) == "stopped"
    return results


@pytest.fixture
def stopped(after_two_epochs, cache, tmp_path):
    """The parent, and its paths in a copy of ``after_two_epochs``."""
    spec = tiny_specs(cache, epochs=3)[0]
    shutil.copytree(after_two_epochs, tmp_path, dirs_exist_ok=True)
    return spec, ResultsPaths(tmp_path).trial(spec.trial_id)


@TRIALS
def test_a_record_says_what_its_tables_and_weights_say(whole, cache, index):
    spec = tiny_specs(cache, epochs=3)[index]
    paths = ResultsPaths(whole).trial(spec.trial_id)
    record, table = read_record(paths.record), rows(paths, "epochs.parquet")
    assert (record.outcome, record.epochs_done, record.spec) == ("finished", 3, spec.resolved())
    assert record.errors.final_percent == table[-1]["test_error_percent"]
    assert record.training_seconds == pytest.approx(sum(row["epoch_seconds"] for row in table))
    parameters = load_state(weights_path(paths))["model"]
    assert record.parameter_count == sum(
        value.numel() for key, value in parameters.items() if not key.endswith("threshold")
    )


@pytest.mark.slow
@TRIALS
def test_a_trial_stopped_after_each_epoch_equals_an_undisturbed_one(whole, cache, tmp_path, index):
    spec = tiny_specs(cache, epochs=3)[index]
    paths = ResultsPaths(tmp_path).trial(spec.trial_id)
    bring_parent(spec, whole, tmp_path)
    for done in (0, 1, 2):
        stop = lambda: read_progress(paths).epoch >= done  # noqa: B023, E731
        assert run_trial(spec, settings_for(tmp_path, cache), stop) == "stopped"
        assert read_progress(paths).epoch == done
        assert not paths.record.exists()
    assert run_trial(spec, settings_for(tmp_path, cache), lambda: False) == "finished"
    assert_same_trial(paths, ResultsPaths(whole).trial(spec.trial_id))


def test_a_trial_without_its_newest_checkpoint_goes_on_at_the_one_before(
    whole, stopped, cache, tmp_path
):
    spec, paths = stopped
    newest = paths.attempt(1).checkpoints / "epoch-000002.pt"
    newest.write_bytes(newest.read_bytes()[:-100])
    run_trial(spec, settings_for(tmp_path, cache), lambda: False)
    assert_same_trial(paths, ResultsPaths(whole).trial(spec.trial_id))


def letters_for_keys(state):
    return state | {"model": {3: torch.zeros(1)}}


def a_row_of_words(state):
    history = [dict(entry) for entry in state["history"]]
    for entry in history:
        if "row" in entry:
            entry["row"] = entry["row"] | {"test_error_percent": "few"}
    return state | {"history": history}


def no_optimizer(state):
    return {name: value for name, value in state.items() if name != "optimizer"}


@pytest.mark.slow
@pytest.mark.parametrize("harm", [letters_for_keys, a_row_of_words, no_optimizer])
def test_a_checkpoint_that_is_damaged_within_is_passed_over_for_the_one_before(
    whole, stopped, cache, tmp_path, harm
):
    spec, paths = stopped
    newest = paths.attempt(1).checkpoints / "epoch-000002.pt"
    save_state(newest, harm(load_state(newest)))
    run_trial(spec, settings_for(tmp_path, cache), lambda: False)
    assert_same_trial(paths, ResultsPaths(whole).trial(spec.trial_id))
    assert read_record(paths.record).run["attempts"][-1]["after_epoch"] == 1


def test_all_methods_of_a_seed_start_from_the_weights_of_the_parent(whole, cache):
    parent, *children = tiny_specs(cache, epochs=3)
    trained = load_state(weights_path(ResultsPaths(whole).trial(parent.trial_id)))["model"]
    source = find_source("digits", whole)
    images = load_images(source, identify(source, cache), cache)
    assert len(children) == 2
    for child in children:
        classes, device = images.card.classes, torch.device("cpu")
        model, _ = starting_model(child, classes, ResultsPaths(whole), device)
        convert_(model, child)
        for name, layer in quantized_layers(model):
            assert torch.equal(latent_of(layer), trained[f"{name}.weight"])
        assert torch.equal(model.conv1.weight, trained["conv1.weight"])
        assert torch.equal(model.fc1.bias, trained["fc1.bias"])


def test_a_trial_planned_with_other_images_is_refused(cache, tmp_path):
    spec = tiny_specs(cache)[0].model_copy(update={"data_fingerprint": "sha256:0123"})
    with pytest.raises(DataError, match=r"holds digits \(sha256:.*planned with digits \(sha256:01"):
        run_trial(spec, settings_for(tmp_path, cache), lambda: False)
    assert not ResultsPaths(tmp_path).trials.exists()


def lost(path):
    path.unlink()


def cut_short(path):
    path.write_bytes(path.read_bytes()[:-1])


def of_another_form(path):
    save_state(path, {"model": "word"})


def without_a_network(path):
    save_state(path, {})


def with_other_keys(path):
    save_state(path, {"model": {3: torch.zeros(1)}})


@pytest.mark.parametrize(
    "harm", [lost, cut_short, of_another_form, without_a_network, with_other_keys]
)
def test_weights_of_a_parent_that_cannot_be_used_are_told_in_one_sentence(
    whole, cache, tmp_path, harm
):
    child = tiny_specs(cache, epochs=3)[1]
    bring_parent(child, whole, tmp_path)
    harm(weights_path(ResultsPaths(tmp_path).trial(child.parent)))
    what = "do not fit" if harm is with_other_keys else "of the parent .* run the suite again"
    with pytest.raises(TtqBenchError, match=rf"weights\.pt: weights {what}"):
        run_trial(child, settings_for(tmp_path, cache), lambda: False)


def test_divergence_is_a_result_with_a_record_and_without_errors(cache, tmp_path):
    spec = tiny_specs(cache, learning_rate=1e6)[0]
    paths = ResultsPaths(tmp_path).trial(spec.trial_id)
    assert run_trial(spec, settings_for(tmp_path, cache), lambda: False) == "diverged"
    record = read_record(paths.record)
    assert (record.outcome, record.errors, record.epochs_done) == ("diverged", None, 0)
    (alarm,) = record.alarms
    assert re.fullmatch("non-finite loss: mean training loss (nan|inf)", alarm.what)
    assert (alarm.layer, alarm.epoch) == (None, 1)
    assert rows(paths, "epochs.parquet") == []
    assert not paths.failure.exists()


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_one_weight_that_is_no_number_ends_a_quantized_trial_as_diverged(
    whole, cache, tmp_path, value
):
    child = tiny_specs(cache, epochs=3)[1]
    bring_parent(child, whole, tmp_path)
    weights = weights_path(ResultsPaths(tmp_path).trial(child.parent))
    state = load_state(weights)
    state["model"]["fc1.weight"][3, 5] = value
    save_state(weights, state)

    assert run_trial(child, settings_for(tmp_path, cache), lambda: False) == "diverged"

    (alarm,) = [
        one
        for one in read_record(ResultsPaths(tmp_path).trial(child.trial_id).record).alarms
        if one.layer is None
    ]
    assert alarm.what == "non-finite loss: mean training loss nan"


def test_a_child_records_the_weights_it_started_from_and_their_error(whole, cache):
    parent, child, _ = tiny_specs(cache, epochs=3)
    paths = ResultsPaths(whole)
    start = read_record(paths.trial(child.trial_id).record).start
    record = read_record(paths.trial(parent.trial_id).record)
    assert (
        start.weights_sha256 == digest_path(weights_path(paths.trial(parent.trial_id))).read_text()
    )
    assert start.test_error_percent == record.errors.final_percent
    assert record.start is None


def test_every_process_that_took_a_trial_up_is_named_in_its_record(stopped, cache, tmp_path):
    spec, paths = stopped
    run_trial(spec, settings_for(tmp_path, cache), lambda: False)
    attempts = read_record(paths.record).run["attempts"]
    assert [attempt["after_epoch"] for attempt in attempts] == [0, 2]
    assert all(attempt["torch"] == torch.__version__.partition("+")[0] for attempt in attempts)


@pytest.mark.slow
def test_a_checkpoint_of_other_code_hides_no_earlier_one_of_this_code(stopped, cache, tmp_path):
    (spec, paths), settings = stopped, settings_for(tmp_path, cache)
    for path in paths.attempt(1).checkpoints.glob("*.pt"):
        made = load_state(path)
        save_state(path, made | {"made_by": made["made_by"] | {"arithmetic": "of other code"}})
    claimed_progress(paths, Progress(0, 3, 0.0, None, None, 0.0))
    stop = lambda: read_progress(paths).epoch >= 1  # noqa: E731
    assert run_trial(spec, settings, stop) == "stopped"
    assert run_trial(spec, settings, bool) == "finished"

    taken_up = read_record(paths.record).run["attempts"]
    assert [(one["after_epoch"], one["anew"]) for one in taken_up] == [(0, True), (1, False)]


def test_how_attempts_ended_is_recorded_without_paths(cache, tmp_path):
    spec, settings = tiny_specs(cache, epochs=1)[0], settings_for(tmp_path, cache)
    paths = ResultsPaths(tmp_path).trial(spec.trial_id)
    folder = paths.attempt(1).folder
    folder.parent.mkdir(parents=True)
    folder.symlink_to(folder.name)
    with pytest.raises(OSError, match=str(tmp_path)):
        run_trial(spec, settings, bool)

    folder.unlink()
    assert run_trial(spec, settings, bool) == "finished"

    assert read_record(paths.record).run["earlier_attempts_ended"] == {"1": "system: File exists"}


@pytest.mark.slow
def test_the_process_of_a_trial_imports_neither_torch_s_compiler_nor_torchvision(cache, tmp_path):
    """Images are decoded by then; the two take 3 s and 200 MB."""
    (spec,) = tiny_specs(cache, epochs=1)[:1]
    source = find_source("digits", tmp_path)
    load_images(source, identify(source, cache), cache)
    code = (
        "import sys; from pathlib import Path; from tests.tiny_suite import settings_for;"
        "from ttq_bench.trial.run import run_trial;"
        "from ttq_bench.spec.trial import TrialSpec;"
        "spec = TrialSpec.model_validate_json(sys.argv[3]);"
        "print(run_trial(spec, settings_for(Path(sys.argv[1]), Path(sys.argv[2])), bool),"
        " [name for name in ('torch._dynamo', 'torchvision') if name in sys.modules])"
    )
    words = [sys.executable, "-c", code, tmp_path / "results", cache, spec.model_dump_json()]
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "finished []"


def test_a_warmup_of_less_than_a_step_is_refused_before_the_first_one(tmp_path, cache):
    spec = tiny_specs(cache)[0]
    recipe = spec.recipe.model_copy(update={"warmup_epochs": 0.001})
    settings = settings_for(tmp_path / "results", cache)
    with pytest.raises(TtqBenchError, match="warmup_epochs: expected 0, or at least one step"):
        run_trial(spec.model_copy(update={"recipe": recipe}), settings, lambda: False)
    assert not list(settings.results.rglob("*.pt"))
