"""Records written as runs are read back with the libraries of their programs, not with ours."""

import importlib.util
import shutil

import pandas as pd
import pytest

from tests.record_builders import write_trial
from ttq_bench.cli import main
from ttq_bench.export.runs.as_mlflow import TRIAL_TAG
from ttq_bench.export.runs.as_tensorboard import FILE_NAME
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.spec.training_version import TRAINING_VERSION

SCALES = {"layer1.conv1": (1.5, 0.5), "layer1.conv2": (1.0, 2.0)}
needs_mlflow = pytest.mark.skipif(
    importlib.util.find_spec("mlflow") is None, reason="mlflow is not in the lock (22 packages)"
)


@pytest.fixture
def results(tmp_path):
    """A parent, a ternary trial of it that finished, and one that diverged in its last epoch."""
    root = tmp_path / "results"
    write_trial(root, "parent", seed=0, errors=(20.0, 10.0))
    write_trial(root, "ternary", seed=0, errors=(12.0, 11.0, 10.5), parent="parent", scales=SCALES)
    write_trial(
        root, "diverged", seed=1, errors=(90.0,), parent="parent", scales=SCALES,
        outcome="diverged",
    )  # fmt: skip
    return root


def export(results, *words):
    return main(["export-runs", *map(str, words), "--results", str(results)])


@pytest.fixture
def sentence(refused):
    """Return the one sentence with which an export is refused."""
    return lambda results, *words: refused("export-runs", *words, "--results", results)


def replaced(results, trial_id, **changes):
    """Put another record in the place of one, as merging newer results would."""
    shutil.rmtree(ResultsPaths(results).trial(trial_id).folder)
    write_trial(results, trial_id, seed=0, parent="parent", scales=SCALES, **changes)


def events(folder, trial_id):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    read = EventAccumulator(str(folder / trial_id))
    read.Reload()
    return read


def scalars(read, name):
    return [(event.step, event.value) for event in read.Scalars(name)]


def test_tensorboard_reads_the_curves_the_scales_and_the_results_of_a_trial(results, tmp_path):
    assert export(results, "--tensorboard", tmp_path / "runs") == 0

    read = events(tmp_path / "runs", "ternary")
    assert scalars(read, "test_error_percent") == [(1, 12.0), (2, 11.0), (3, 10.5)]
    assert scalars(read, "positive_scale/layer1.conv1") == [(0, 1.0), (1, 1.5), (2, 1.5), (3, 1.5)]
    assert scalars(read, "negative_scale/layer1.conv2")[-1] == (3, 2.0)
    assert scalars(read, "results/errors.final_percent") == [(3, 10.5)]
    assert scalars(read, "results/sparsity") == [(3, 0.25)]
    ends = [event.wall_time for event in read.Scalars("test_error_percent")]
    assert ends == [0.0, 30.0, 60.0]  # the trial took 60 s, epochs 30 s; it does not say when
    assert not [
        name for name in events(tmp_path / "runs", "parent").Tags()["scalars"] if "/l" in name
    ]


def test_tensorboard_lists_hyperparameters_tags_and_how_a_trial_ended(results, tmp_path):
    from tensorboard.plugins.hparams import metadata

    assert export(results, "--tensorboard", tmp_path / "runs") == 0

    for trial_id, status in (("ternary", "STATUS_SUCCESS"), ("diverged", "STATUS_FAILURE")):
        read = events(tmp_path / "runs", trial_id)
        data = read.SummaryMetadata(metadata.SESSION_START_INFO_TAG).plugin_data.content
        given = metadata.parse_session_start_info_plugin_data(data).hparams
        assert given["arm"].string_value == given["quantization.method"].string_value == "ttq"
        assert given["recipe.learning_rate"].number_value == 0.1
        assert given["quantization.conversion.keep_first"].bool_value is True
        data = read.SummaryMetadata(metadata.SESSION_END_INFO_TAG).plugin_data.content
        ended = metadata.parse_session_end_info_plugin_data(data)
        assert (
            ended.DESCRIPTOR.fields_by_name["status"].enum_type.values_by_number[ended.status].name
            == status
        )
        (text,) = read.Tensors("tags/text_summary")[0].tensor_proto.string_val
        assert "commit: abc" in text.decode()


def test_a_second_export_to_tensorboard_adds_nothing_and_a_newer_record_is_replaced(
    results, tmp_path, capsys
):
    folder = tmp_path / "runs"
    export(results, "--tensorboard", folder)
    own = folder / "ternary" / "events.out.tfevents.1.mine"
    own.write_bytes(b"")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    assert export(results, "--tensorboard", folder) == 0
    assert "0 runs written, 3 there already" in capsys.readouterr().out
    replaced(results, "ternary", errors=(9.0,))
    assert export(results, "--tensorboard", folder) == 0

    assert "1 run written, 2 there already" in capsys.readouterr().out
    after = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert {path for path in after if after[path] != before[path]} == {
        folder / "ternary" / FILE_NAME
    }
    assert after.keys() == before.keys()
    own.unlink()
    assert scalars(events(folder, "ternary"), "test_error_percent") == [(1, 9.0)]


def test_a_file_in_the_place_of_a_run_that_is_not_ours_stays(results, tmp_path, sentence):
    own = tmp_path / "runs" / "ternary" / FILE_NAME
    own.parent.mkdir(parents=True)
    own.write_text("mine")

    reason = sentence(results, "--tensorboard", tmp_path / "runs")
    assert f"{own}: lies where a run is to go" in reason
    assert own.read_text() == "mine"


@pytest.mark.parametrize(
    ("option", "name"), [("--tensorboard", f"ternary/{FILE_NAME}"), ("--csv", "runs.csv")]
)
def test_a_link_of_the_users_own_in_the_place_of_a_run_is_not_replaced(
    results, tmp_path, sentence, option, name
):
    link = tmp_path / "runs" / name
    link.parent.mkdir(parents=True)
    link.symlink_to("/another/disk/that/is/not/mounted")

    reason = sentence(results, option, tmp_path / "runs")
    assert f"{link}: cannot be read (No such file or directory); the file that this link" in reason
    assert link.is_symlink()


def test_csv_files_hold_a_row_a_trial_an_epoch_and_a_layer(results, tmp_path):
    for _ in range(2):  # the second replaces the first
        assert export(results, "--csv", tmp_path / "csv") == 0

    runs = pd.read_csv(tmp_path / "csv" / "runs.csv", index_col="trial_id")
    assert list(runs.index) == ["diverged", "parent", "ternary"]
    assert runs["arm"].to_dict() == {
        "diverged": "ttq", "parent": "full_precision", "ternary": "ttq"
    }  # fmt: skip
    assert runs["errors.final_percent"]["ternary"] == 10.5
    assert pd.isna(runs["errors.final_percent"]["diverged"])
    assert runs["tag.outcome"]["diverged"] == "diverged"
    assert runs["quantization.strategy.number"]["ternary"] == 0.05
    epochs = pd.read_csv(tmp_path / "csv" / "run_epochs.csv")
    assert len(epochs) == 6
    layers = pd.read_csv(tmp_path / "csv" / "run_layers.csv")
    assert len(layers) == 2 * 4 + 2 * 2
    last = layers[(layers["trial_id"] == "ternary") & (layers["epoch"] == 3)]
    assert dict(zip(last["layer"], last["positive_scale"], strict=True)) == {
        "layer1.conv1": 1.5, "layer1.conv2": 1.0
    }  # fmt: skip


def test_no_cell_of_a_csv_file_is_a_formula_of_a_spreadsheet(results, tmp_path):
    write_trial(results, "other", seed=2, errors=(20.0,), commit="=cmd|'/c calc'!A0")

    assert export(results, "--csv", tmp_path) == 0

    runs = pd.read_csv(tmp_path / "runs.csv", index_col="trial_id")
    assert runs["tag.commit"]["other"] == "'=cmd|'/c calc'!A0"


def test_a_second_export_replaces_csv_files_of_its_own_and_no_others(results, tmp_path, sentence):
    assert export(results, "--csv", tmp_path) == 0
    own = tmp_path / "run_layers.csv"
    own.write_text("day,weather\n")
    before = (tmp_path / "runs.csv").read_bytes()
    replaced(results, "ternary", errors=(9.0,))

    assert f"{own}: lies where the table is to go" in sentence(results, "--csv", tmp_path)

    assert own.read_text() == "day,weather\n"
    assert (tmp_path / "runs.csv").read_bytes() == before  # nothing is written by half


def test_records_of_another_training_version_are_no_runs_and_are_told_of(results, tmp_path, capsys):
    write_trial(results, "old", seed=3, errors=(20.0,), training_version=TRAINING_VERSION - 1)

    assert export(results, "--csv", tmp_path) == 0

    assert "1 record is stale" in capsys.readouterr().out
    assert "old" not in set(pd.read_csv(tmp_path / "runs.csv")["trial_id"])


def test_results_without_records_are_refused_in_one_sentence(tmp_path, sentence):
    (tmp_path / "none").mkdir()
    assert "has no record to export" in sentence(tmp_path / "none", "--csv", tmp_path / "csv")
    assert not (tmp_path / "csv").exists()


@pytest.mark.parametrize("package", ["tensorboard", "mlflow"])
def test_a_missing_package_is_told_with_how_to_install_it(
    results, tmp_path, monkeypatch, sentence, package
):
    there = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name == package else there(name, *a)
    )
    assert sentence(results, f"--{package}", tmp_path / "runs") == (
        f"ttq-bench: --{package} needs the package {package}, which is not installed;"
        f' pip install "ttq-bench[{package}]" installs it\n'
    )
    assert not (tmp_path / "runs").exists()


@pytest.fixture
def store(tmp_path, monkeypatch):
    """A tracking store in a file of SQLite, below a folder that is not there yet."""
    monkeypatch.chdir(tmp_path)
    return f"sqlite:///{tmp_path}/new/runs.db"


def mlflow_runs(store):
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=store)
    found = client.search_runs([client.get_experiment_by_name("ttq_bench").experiment_id])
    return client, {run.info.run_name: run for run in found}, len(found)


@needs_mlflow
@pytest.mark.filterwarnings("ignore")  # of MLflow, to itself
def test_mlflow_reads_the_curves_the_results_and_the_hyperparameters_of_a_trial(
    results, store, tmp_path
):
    assert export(results, "--mlflow", store) == 0

    client, runs, _ = mlflow_runs(store)
    assert {name: run.info.status for name, run in runs.items()} == {
        "parent": "FINISHED", "ternary": "FINISHED", "diverged": "FAILED"
    }  # fmt: skip
    run = runs["ternary"]
    history = client.get_metric_history(run.info.run_id, "test_error_percent")
    assert [(entry.step, entry.value) for entry in history] == [(1, 12.0), (2, 11.0), (3, 10.5)]
    assert run.data.metrics["positive_scale/layer1.conv1"] == 1.5
    assert run.data.metrics["results/errors.final_percent"] == 10.5
    assert run.data.params["recipe.learning_rate"] == "0.1"
    assert run.data.params["arm"] == run.data.params["quantization.method"] == "ttq"
    assert run.data.tags["commit"] == "abc"
    assert not (tmp_path / "mlruns").exists()


@needs_mlflow
@pytest.mark.filterwarnings("ignore")
def test_a_second_export_to_mlflow_adds_no_run_and_takes_no_run_of_others_away(
    results, store, capsys
):
    export(results, "--mlflow", store)
    client, runs, _ = mlflow_runs(store)
    experiment = runs["parent"].info.experiment_id
    mine = client.create_run(experiment, run_name="mine").info.run_id
    tags = {TRIAL_TAG: "parent"}  # as an export leaves it that was killed
    client.create_run(experiment, tags=tags, run_name="half")

    assert export(results, "--mlflow", store) == 0
    assert "0 runs written, 3 there already" in capsys.readouterr().out
    replaced(results, "ternary", errors=(9.0,))
    assert export(results, "--mlflow", store) == 0

    assert "1 run written, 2 there already" in capsys.readouterr().out
    client, runs, count = mlflow_runs(store)
    assert count == 4
    assert runs["mine"].info.run_id == mine
    assert "half" not in runs
    assert runs["ternary"].data.metrics["test_error_percent"] == 9.0


@needs_mlflow
@pytest.mark.filterwarnings("ignore")
def test_a_store_that_cannot_be_reached_is_told_in_one_sentence(results, monkeypatch, sentence):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    reason = sentence(results, "--mlflow", "http://me:secret@127.0.0.1:1")
    assert "--mlflow http://***@127.0.0.1:1: MLflow says: " in reason
    assert "secret" not in reason
