import json
import re
import subprocess
from pathlib import Path

import onnx
import pytest
import yaml

from tests.record_builders import seal_anew
from tests.tiny_suite import command_line, settings_for, tiny_specs
from ttq_bench.cli import main
from ttq_bench.export.image_facts import ImageFacts
from ttq_bench.export.model_folder import folder_texts
from ttq_bench.export.packed_file import image_facts, load_packed
from ttq_bench.export.sizes import Size
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.store import read_record
from ttq_bench.records.weights import weights_path
from ttq_bench.spec.trial import TrialSpec
from ttq_bench.trial.run import run_trial

pytestmark = pytest.mark.filterwarnings("ignore")  # the ONNX exporter warns of its own calls


@pytest.fixture(scope="module")
def trained(tmp_path_factory, cache):
    """Results with a parent, and with ttq under a strategy that moves and one held by epoch."""
    results = tmp_path_factory.mktemp("export") / "results"
    strategies = [
        {"max_fraction": {"start": 0.0, "number": 0.1, "ramp_epochs": 1.5}},
        {"constant_sparsity": {"number": 0.4, "update": "epoch"}},
    ]
    specs = tiny_specs(cache, delta_strategies=strategies)
    for spec in specs:
        assert run_trial(spec, settings_for(results, cache), lambda: False) == "finished"
    return results, specs


@pytest.mark.parametrize("index", [1, 2])
def test_a_trial_is_exported_checked_and_weighed(trained, index, tmp_path, capsys):
    results, specs = trained
    name = specs[index].trial_id

    assert main(["export", name, "--to", str(tmp_path / "out"), "--results", str(results)]) == 0

    told = capsys.readouterr().out
    assert "its logits are the same to the bit" in told
    assert re.search(r"quantized layers +60,480 +241,920 +15,144 .* 15.97", told)
    assert re.search(r"differ by at most \d\.\de-(0[5-9]|1\d)", told)
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == [name, f"{name}.onnx", f"{name}.safetensors", f"{name}.sizes.csv"]
    model, spec = load_packed(tmp_path / "out" / f"{name}.safetensors")
    assert spec == specs[index]
    assert len(model.conv2.weight.unique()) <= 3
    facts = image_facts(tmp_path / "out" / f"{name}.safetensors")
    run = read_record(ResultsPaths(results).trial(name).record).run
    assert facts == ImageFacts(
        tuple(run["pixel_mean"]), tuple(run["pixel_deviation"]), tuple("0123456789")
    )
    props = onnx.load(tmp_path / "out" / f"{name}.onnx").metadata_props
    assert {p.key: p.value for p in props} == {"trial_id": name, **facts.as_metadata()}


def test_what_was_written_is_told_as_json(trained, tmp_path, capsys):
    results, specs = trained
    words = ["export", specs[1].trial_id, "--to", str(tmp_path), "--results", str(results)]
    assert main([*words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert Path(told["packed"]).stat().st_size == told["packed_bytes"]
    assert {Path(told[name]).name for name in ("sizes", "onnx", "model_folder")} < {
        path.name for path in tmp_path.iterdir()
    }
    assert 0 <= told["onnx_largest_difference"] < 1e-4


@pytest.mark.slow
def test_the_exported_network_has_the_test_error_of_the_record(trained, cache, tmp_path):
    from ttq_bench.training.evaluation import evaluate
    from ttq_bench.trial.inputs import batches_of, images_of

    results, specs = trained
    for spec in specs[1:]:
        main(["export", spec.trial_id, "--to", str(tmp_path), "--results", str(results)])
        model, _ = load_packed(tmp_path / f"{spec.trial_id}.safetensors")
        images = images_of(spec, settings_for(results, cache))
        test = batches_of(spec, images, settings_for(results, cache)).held_out("test", 1000)
        record = read_record(ResultsPaths(results).trial(spec.trial_id).record)
        assert evaluate(model, test, "fp32").error_percent == record.errors.final_percent


@pytest.mark.slow
@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("digits-lenet5-full", "is full precision, there are no codes to pack"),
        ("lenet5-ttq", "2 trials contain 'lenet5-ttq': digits-lenet5-ttq-constant"),
        ("resnet", "no trial contains 'resnet'"),
    ],
)
def test_a_trial_that_cannot_be_meant_is_told_in_one_sentence(trained, asked, message, tmp_path):
    done = command_line("export", asked, "--to", tmp_path, "--results", trained[0])

    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


ENDINGS = (".onnx", ".safetensors", ".sizes.csv")


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("content", ["my own", '{"format":"another","trial_id":"another"}'])
def test_a_file_of_the_users_own_is_not_overwritten_and_nothing_is_written(
    trained, ending, content, tmp_path, capsys
):
    results, specs = trained
    own = tmp_path / f"{specs[1].trial_id}{ending}"
    own.write_text(content)

    code = main(["export", specs[1].trial_id, "--to", str(tmp_path), "--results", str(results)])

    assert code == 2
    told = capsys.readouterr().err
    assert told.startswith(f"ttq-bench: {own}: lies where the export is to go and is none of this")
    assert told.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == [own.name]
    assert own.read_text() == content


def test_a_folder_in_the_place_of_a_file_is_told_before_anything_is_written(
    trained, tmp_path, capsys
):
    results, specs = trained
    (tmp_path / f"{specs[1].trial_id}.onnx").mkdir()

    code = main(["export", specs[1].trial_id, "--to", str(tmp_path), "--results", str(results)])

    assert code == 2
    assert ".onnx: cannot be read (Is a directory); move this folder" in capsys.readouterr().err
    assert len(list(tmp_path.iterdir())) == 1


def test_an_export_is_replaced_by_a_later_one_of_its_trial_and_of_no_other(
    trained, tmp_path, capsys
):
    results, specs = trained
    words = ["--to", str(tmp_path), "--results", str(results)]
    assert main(["export", specs[1].trial_id, *words]) == 0
    assert main(["export", specs[1].trial_id, *words]) == 0
    for ending in ENDINGS[:2]:
        path = tmp_path / f"{specs[1].trial_id}{ending}"
        other = path.with_name(f"{specs[2].trial_id}{ending}")
        path.rename(other)
        assert main(["export", specs[2].trial_id, *words]) == 2
        assert f"{other}: lies where" in capsys.readouterr().err
        other.unlink()


HUB = ("README.md", "SHA256SUMS", "config.json", "model.safetensors")


@pytest.fixture
def hub(trained, tmp_path):
    """The folder for model hubs of an exported trial, its record, and the words to do it again."""
    results, specs = trained
    words = ["export", specs[1].trial_id, "--to", str(tmp_path), "--results", str(results)]
    assert main(words) == 0
    record = read_record(ResultsPaths(results).trial(specs[1].trial_id).record)
    return tmp_path / specs[1].trial_id, record, words


def test_the_folder_for_hubs_has_weights_a_configuration_and_a_card(hub, monkeypatch, capsys):
    folder, record, _ = hub

    assert sorted(path.name for path in folder.iterdir()) == sorted(HUB)
    subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=folder, check=True)
    packed = folder.with_name(f"{folder.name}.safetensors")
    assert (folder / "model.safetensors").read_bytes() == packed.read_bytes()
    config = json.loads((folder / "config.json").read_text())
    assert TrialSpec.model_validate_json(json.dumps(config["spec"])).trial_id == record.trial_id
    assert (config["model_type"], config["num_labels"]) == ("lenet5", 10)
    assert config["id2label"]["7"] == "7"
    assert config["pixel_mean"] == list(record.run["pixel_mean"])


def test_the_card_has_the_numbers_of_the_record_and_a_head_that_hubs_read(hub):
    folder, record, _ = hub
    _, front, card = (folder / "README.md").read_text().split("---\n", 2)

    head = yaml.safe_load(front)
    assert head["library_name"] == "ttq_bench"
    assert head["pipeline_tag"] == "image-classification"
    (result,) = head["model-index"][0]["results"]
    assert result["dataset"] == {"name": "digits", "type": "digits", "split": "test"}
    (metric,) = result["metrics"]
    assert metric["value"] == pytest.approx(100 - record.errors.final_percent)
    rows = dict(re.findall(r"^\| (.*?) \| (.*?) \| ", card, re.MULTILINE))
    assert rows["test error after the last epoch"] == f"{record.errors.final_percent:.2f} %"
    assert rows["zeros among quantized weights"] == f"{100 * record.sparsity:.1f} %"
    started = record.start.test_error_percent
    assert rows["test error of the parent, in full precision"] == f"{started:.2f} %"
    assert "digits, 400 test images" in card
    assert record.trial_id in card
    assert "None" not in card


def test_the_example_on_the_card_loads_the_network_of_the_folder(hub, monkeypatch, capsys):
    folder, *_ = hub
    monkeypatch.chdir(folder)
    (example,) = re.findall(r"```python\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL)
    capsys.readouterr()

    exec(example, {})

    assert re.fullmatch(r"tensor\(\[\d\]\)\n", capsys.readouterr().out)


@pytest.mark.parametrize("name", HUB)
def test_a_file_for_hubs_that_was_edited_is_not_overwritten(hub, name, capsys):
    folder, _, words = hub
    (folder / name).write_text("my own words\n")
    before = {path: path.read_bytes() for path in folder.iterdir()}

    assert main(words) == 2

    assert f"{folder / name}: " in capsys.readouterr().err
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_the_folder_for_hubs_is_written_again_and_files_beside_it_stay(hub, capsys):
    folder, _, words = hub
    (folder / ".gitattributes").write_text("mine")
    (folder / "SHA256SUMS").unlink()  # as of an export that was killed before it

    assert main(words) == 0

    assert {*HUB, ".gitattributes"} == {path.name for path in folder.iterdir()}


def test_free_text_of_a_record_can_make_nothing_of_a_card(trained):
    results, specs = trained
    record = read_record(ResultsPaths(results).trial(specs[1].trial_id).record)
    record = record.model_copy(update={"provenance": {"commit": "[x](http://a)<b>|`"}})
    sizes = [Size("network", 1, 4, 1, 1.0)]
    card = folder_texts(record, specs[1], None, sizes)["README.md"].decode()
    assert "commit ?x?(http:??a)?b???." in card
    assert "import torch" not in card  # without the mean of the images there is no example of it


@pytest.mark.slow
def test_a_folder_that_cannot_be_written_is_told(trained, tmp_path):
    results, specs = trained
    (tmp_path / "file").write_text("in the way")

    done = command_line(
        "export", specs[1].trial_id, "--to", tmp_path / "file", "--results", results
    )

    assert done.returncode == 2
    assert "cannot be written to" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_diverged_trial_has_no_network_to_export(trained, tmp_path, capsys):
    results, specs = trained
    paths = ResultsPaths(results).trial(specs[2].trial_id)
    content = paths.record.read_text()
    paths.record.write_text(content.replace('"outcome": "finished"', '"outcome": "diverged"'))
    seal_anew(paths.folder)

    code = main(["export", specs[2].trial_id, "--to", str(tmp_path), "--results", str(results)])

    paths.record.write_text(content)
    seal_anew(paths.folder)
    assert code == 2
    assert "diverged, there is no network to export" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_what_a_killed_writer_left_behind_is_no_trial(trained, tmp_path, capsys):
    results, specs = trained
    hidden = ResultsPaths(results).trials / f".{specs[1].trial_id}.left"
    hidden.mkdir()
    (hidden / "record.json").write_text("{}")

    code = main(
        ["export", specs[1].trial_id[:-2], "--to", str(tmp_path), "--results", str(results)]
    )

    assert code == 0


def test_weights_that_are_gone_are_told_with_what_to_do(trained, tmp_path, capsys):
    results, specs = trained
    paths = ResultsPaths(results).trial(specs[1].trial_id)
    files = {path: path.read_bytes() for path in (weights_path(paths), paths.network)}
    for path in files:
        path.unlink()

    code = main(["export", specs[1].trial_id, "--to", str(tmp_path), "--results", str(results)])

    for path, content in files.items():
        path.write_bytes(content)
    assert code == 2
    told = capsys.readouterr().err
    assert f"{paths.network}: no such file" in told
    assert "is missing or damaged, too; copy the network from where" in told
