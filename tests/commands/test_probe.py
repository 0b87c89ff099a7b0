import json
import re
import shutil

import pytest
import torch

from tests.data.builders import random_images, random_labels, write_class_folders
from tests.record_builders import seal_anew
from tests.tiny_suite import settings_for, tiny_document, tiny_specs
from ttq_bench.cli import main
from ttq_bench.commands.probe import describe
from ttq_bench.data.identity import identify
from ttq_bench.data.sources import find_source
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.probes import publish_probe, read_probes
from ttq_bench.records.weights import weights_path
from ttq_bench.suite.grid import expand
from ttq_bench.suite.reading import parse_suite
from ttq_bench.trial.run import run_trial


@pytest.fixture(scope="module")
def trained(tmp_path_factory, cache):
    """Results of a parent, of ttq under two strategies, and of a method with one scale a layer."""
    results = tmp_path_factory.mktemp("probe") / "results"
    specs = tiny_specs(cache, epochs=1, methods=("full_precision", "ttq", "ttq-tied"))
    for spec in specs:
        assert run_trial(spec, settings_for(results, cache), lambda: False) == "finished"
    return results, [spec.trial_id for spec in specs if spec.arm == "ttq"]


@pytest.fixture
def results(trained, tmp_path):
    """A copy to write to."""
    shutil.copytree(trained[0], tmp_path / "results")
    return ResultsPaths(tmp_path / "results")


@pytest.fixture
def names(trained):
    return sorted(trained[1])


def probe(results, *words):
    return main(["probe", *words, "--results", str(results.root), "--threads", "1"])


@pytest.fixture
def sentence(refused):
    """Return the one sentence with which a probe is refused."""

    def of(results, *words, code=2):
        return refused("probe", "--results", results.root, "--threads", 1, *words, code=code)

    return of


def test_every_trial_that_learns_two_scales_is_probed_once(results, names, capsys):
    assert probe(results) == 0

    *lines, end, advice = capsys.readouterr().out.splitlines()
    assert len(names) == len(lines) == 2
    assert advice.startswith(
        f"run `ttq-bench report --results {results.root}` now: the report lacks"
    )
    for line, name in zip(lines, names, strict=True):
        assert line.startswith(f"{name}: test error ")
        percent = r"\d+\.\d\d %"
        assert re.search(
            rf"{percent} as trained, {percent} re-estimated, {percent} with equal .* \(\d+ s\)",
            line,
        )
    assert end == (
        f"{results.root}: 2 probed, 0 were there already, 0 have no network in networks/ or work/"
    )
    assert [found.trial_id for found in read_probes(results)] == names

    before = [path.stat().st_mtime_ns for path in sorted(results.probes.iterdir())]
    assert probe(results) == 0
    assert capsys.readouterr().out.endswith(
        "results: 0 probed, 2 were there already, 0 have no network in networks/ or work/\n"
    )
    assert [path.stat().st_mtime_ns for path in sorted(results.probes.iterdir())] == before


def test_a_probe_without_a_mean_of_some_scales_says_in_which_layers(results, names, capsys):
    assert probe(results, names[0]) == 0
    changes = {"all_symmetrised_error_percent": None, "not_symmetrised": ("conv2", "fc1")}
    told = describe(read_probes(results)[0].model_copy(update=changes))
    assert "not all layers with equal scales: not positive in conv2, fc1 (" in told


def test_as_json_trials_are_told_by_what_became_of_them(results, names, capsys):
    first, second = names
    assert probe(results, first, "--json") == 0
    assert json.loads(capsys.readouterr().out) == {
        "probed": [first], "already": [], "without_network": [],
    }  # fmt: skip
    results.trial(second).network.unlink()
    shutil.rmtree(results.root / "work")
    assert probe(results, "--json") == 0
    assert json.loads(capsys.readouterr().out) == {
        "probed": [], "already": [first], "without_network": [second],
    }  # fmt: skip


def test_parts_choose_trials_and_the_rest_can_follow(results, names, capsys):
    assert probe(results, "constant_spar", names[0][-8:]) == 0
    assert [found.trial_id for found in read_probes(results)] == [names[0]]
    assert "1 probed, 0 were there" in capsys.readouterr().out

    assert probe(results) == 0
    assert "1 probed, 1 were there" in capsys.readouterr().out
    assert [found.trial_id for found in read_probes(results)] == names


def test_trials_whose_weights_are_elsewhere_are_counted(results, names, capsys):
    shutil.rmtree(results.trial(names[0]).work)
    results.trial(names[0]).network.unlink()
    assert probe(results) == 0
    assert "1 probed, 0 were there already, 1 have no network" in capsys.readouterr().out
    assert [found.trial_id for found in read_probes(results)] == [names[1]]


def test_a_diverged_trial_is_no_candidate(results, names, capsys):
    path = results.trial(names[0]).record
    record = json.loads(path.read_text()) | {"outcome": "diverged", "errors": None}
    path.write_text(json.dumps(record))
    seal_anew(path.parent)
    assert probe(results) == 0
    assert [found.trial_id for found in read_probes(results)] == [names[1]]


@pytest.mark.slow
def test_a_trial_of_another_training_version_is_no_candidate_and_said_to_be_one(
    sentence, results, names
):
    path = results.trial(names[0]).record
    path.write_text(path.read_text().replace('"training_version": 1', '"training_version": 0'))
    seal_anew(path.parent)
    assert "only one of another training version than 1 does" in sentence(results, names[0])
    assert probe(results) == 0
    assert [found.trial_id for found in read_probes(results)] == [names[1]]


@pytest.mark.slow
@pytest.mark.parametrize("part", ["resnet", "full_precision", "ttq-tied"])
def test_a_part_that_matches_nothing_is_told_before_anything_is_measured(sentence, results, part):
    told = sentence(results, "max_fraction", part)
    assert f"no finished trial with two learned scales a layer contains {part!r}" in told
    assert "there are 2, for example digits-lenet5-ttq-" in told
    assert not results.probes.exists()


def damaged_weights(results, trial):
    weights = weights_path(trial)
    weights.write_bytes(weights.read_bytes()[:-1])
    trial.network.unlink()


def damaged_network(results, trial):
    shutil.rmtree(trial.work)
    trial.network.write_bytes(trial.network.read_bytes()[:-1])


def weights_of_its_parent(results, trial):
    parent = next(path for path in results.trials.iterdir() if "full_precision-s0" in path.name)
    shutil.rmtree(trial.work)
    shutil.copytree(results.trial(parent.name).work, trial.work)


def damaged_probe(results, trial):
    results.probes.mkdir()
    trial.probe.write_text("{")


def file_in_the_place_of_probes(results, trial):
    results.probes.write_text("in the way")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (damaged_weights, "weights.pt is missing or damaged, too"),
        (damaged_network, ".safetensors: not a published network"),
        (weights_of_its_parent, "weights do not fit the model"),
        (damaged_probe, ".json: not a probe"),
        (file_in_the_place_of_probes, "results cannot be written there"),
    ],
)
def test_what_cannot_be_probed_is_refused_in_one_sentence(sentence, results, names, harm, said):
    harm(results, results.trial(names[0]))
    assert said in sentence(results, names[0])


@pytest.mark.slow
def test_networks_are_probed_without_what_training_left(results, names):
    assert probe(results) == 0
    before = read_probes(results)
    shutil.rmtree(results.root / "work")
    shutil.rmtree(results.probes)

    assert probe(results) == 0

    for first, second in zip(before, read_probes(results), strict=True):
        apart = {"seconds", "run"}
        assert first.model_dump(exclude=apart) == second.model_dump(exclude=apart)


@pytest.mark.slow
def test_a_probe_of_an_older_version_is_made_anew_where_the_network_is(results, names, capsys):
    assert probe(results) == 0
    for found in read_probes(results):
        publish_probe(results, found.model_copy(update={"probe_version": 1, "moved": ()}))
    capsys.readouterr()

    assert probe(results) == 0

    assert "2 probed, 0 were there already" in capsys.readouterr().out
    assert all(len(found.moved) == 12 for found in read_probes(results))


@pytest.mark.slow
def test_healing_trains_one_more_epoch_from_the_latent_weights(results, names, capsys):
    assert probe(results) == 0
    assert all(found.healing is None for found in read_probes(results))

    assert probe(results, "--heal") == 0

    for found in read_probes(results):
        assert found.healing.epochs == 1
        assert found.healing.learning_rate == pytest.approx(0.00001)
        assert 0 < found.healing.as_trained_error_percent < 100
    capsys.readouterr()
    assert probe(results, "--heal") == 0
    assert "0 probed, 2 were there already" in capsys.readouterr().out


def test_a_folder_that_is_not_there_is_refused(sentence, tmp_path):
    assert "nowhere: no such folder" in sentence(ResultsPaths(tmp_path / "nowhere"))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_refused(sentence, results):
    assert "probe: --device cuda: no GPU is found" in sentence(results, "--device", "cuda")


def test_more_threads_than_cores_are_refused(sentence, results):
    reason = sentence(results, "--threads", 4096)
    assert re.search(r"--threads: expected at most \d+, got 4096", reason)


@pytest.mark.slow
def test_other_images_than_those_of_the_record_are_refused(sentence, tmp_path, cache):
    for folder, seed in (("data", 1), ("other", 2)):
        for split, count in (("train", 80), ("test", 20)):
            write_class_folders(
                tmp_path / folder / split,
                random_images(count, (28, 28, 1), seed=seed),
                random_labels(count, seed=seed),
            )
    identity = identify(find_source("mnist", tmp_path / "data"), cache)
    document = tiny_document(datasets=["mnist"], delta_strategies=[{"max_fraction": 0.05}])
    parent, child = [
        spec.model_copy(update={"validation_count": 16})
        for spec in expand(parse_suite(document, "", "t"), {"mnist": identity}, "t")
    ]
    child = child.model_copy(update={"parent": parent.trial_id})
    results = ResultsPaths(tmp_path / "results")
    for spec in (parent, child):
        run_trial(spec, settings_for(results.root, cache), lambda: False)

    told = sentence(results, "--data-dir", str(tmp_path / "other"), code=5)

    assert f"{tmp_path / 'other'}: holds mnist-png-subset (sha256:" in told
    assert "the trial was planned with mnist-png-subset (sha256:" in told
    assert not results.probes.exists()
    assert probe(results, "--data-dir", str(tmp_path / "data")) == 0
    written = json.loads(results.trial(child.trial_id).probe.read_text())
    assert written["test_images"] == 20
