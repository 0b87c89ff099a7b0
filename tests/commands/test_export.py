import json
import re
import shutil
import subprocess
from pathlib import Path

import onnx
import pytest
import yaml

from tests.record_builders import seal_anew
from tests.tiny_suite import settings_for, tiny_specs
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


def words(results, asked, folder):
    return ["export", str(asked), "--to", str(folder), "--results", str(results)]


@pytest.fixture
def sentence(trained, refused, tmp_path):
    """Return the one sentence with which an export of a trial into ``tmp_path`` is refused."""
    return lambda asked, folder=tmp_path: refused(*words(trained[0], asked, folder))


@pytest.mark.parametrize("index", [1, 2])
def test_a_trial_is_exported_checked_and_weighed(trained, index, tmp_path, capsys):
    results, specs = trained
    name = specs[index].trial_id

    assert main(words(results, name, tmp_path / "out")) == 0

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
    assert main([*words(results, specs[1].trial_id, tmp_path), "--json"]) == 0
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
        main(words(results, spec.trial_id, tmp_path))
        model, _ = load_packed(tmp_path / f"{spec.trial_id}.safetensors")
        images = images_of(spec, settings_for(results, cache))
        test = batches_of(spec, images, settings_for(results, cache)).held_out("test", 1000)
        record = read_record(ResultsPaths(results).trial(spec.trial_id).record)
        assert evaluate(model, test, "fp32").error_percent == record.errors.final_percent


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("digits-lenet5-full", "is full precision, there are no codes to pack"),
        ("lenet5-ttq", "2 trials contain 'lenet5-ttq': digits-lenet5-ttq-constant"),
        ("resnet", "no trial contains 'resnet'"),
    ],
)
def test_a_trial_that_cannot_be_meant_is_told_in_one_sentence(sentence, asked, message):
    assert message in sentence(asked)


@pytest.mark.parametrize(
    ("ending", "content"),
    [
        (".onnx", "my own"),
        (".sizes.csv", "my own"),
        (".safetensors", '{"format":"another","trial_id":"another"}'),
    ],
)
def test_a_file_of_the_users_own_is_not_overwritten_and_nothing_is_written(
    trained, ending, content, tmp_path, sentence
):
    name = trained[1][1].trial_id
    own = tmp_path / f"{name}{ending}"
    own.write_text(content)

    reason = sentence(name)

    assert reason.startswith(
        f"ttq-bench: {own}: lies where the export is to go and is none of this"
    )
    assert [path.name for path in tmp_path.iterdir()] == [own.name]
    assert own.read_text() == content


def test_a_folder_in_the_place_of_a_file_is_told_before_anything_is_written(
    trained, tmp_path, sentence
):
    name = trained[1][1].trial_id
    (tmp_path / f"{name}.onnx").mkdir()

    assert ".onnx: cannot be read (Is a directory); move this folder" in sentence(name)
    assert len(list(tmp_path.iterdir())) == 1


def test_an_export_is_replaced_by_a_later_one_of_its_trial_and_of_no_other(
    trained, tmp_path, sentence
):
    results, specs = trained
    first, second = specs[1].trial_id, specs[2].trial_id
    assert main(words(results, first, tmp_path)) == 0
    assert main(words(results, first, tmp_path)) == 0
    for ending in (".onnx", ".safetensors"):
        other = tmp_path / f"{second}{ending}"
        (tmp_path / f"{first}{ending}").rename(other)
        assert f"{other}: lies where" in sentence(second)
        other.unlink()


HUB = ("README.md", "SHA256SUMS", "config.json", "model.safetensors")


@pytest.fixture
def hub(trained, tmp_path):
    """The folder for model hubs of an exported trial, its record, and the words to do it again."""
    results, specs = trained
    again = words(results, specs[1].trial_id, tmp_path)
    assert main(again) == 0
    record = read_record(ResultsPaths(results).trial(specs[1].trial_id).record)
    return tmp_path / specs[1].trial_id, record, again


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
def test_a_file_for_hubs_that_was_edited_is_not_overwritten(hub, name, refused):
    folder, _, again = hub
    (folder / name).write_text("my own words\n")
    before = {path: path.read_bytes() for path in folder.iterdir()}

    assert f"{folder / name}: " in refused(*again)
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_the_folder_for_hubs_is_written_again_and_files_beside_it_stay(hub, capsys):
    folder, _, again = hub
    (folder / ".gitattributes").write_text("mine")
    (folder / "SHA256SUMS").unlink()  # as of an export that was killed before it

    assert main(again) == 0

    assert {*HUB, ".gitattributes"} == {path.name for path in folder.iterdir()}


def test_free_text_of_a_record_can_make_nothing_of_a_card(trained):
    results, specs = trained
    record = read_record(ResultsPaths(results).trial(specs[1].trial_id).record)
    record = record.model_copy(update={"provenance": {"commit": "[x](http://a)<b>|`"}})
    sizes = [Size("network", 1, 4, 1, 1.0)]
    card = folder_texts(record, specs[1], None, sizes)["README.md"].decode()
    assert "commit ?x?(http:??a)?b???." in card
    assert "import torch" not in card  # without the mean of the images there is no example of it


def test_a_file_in_the_place_of_the_folder_is_told(trained, sentence, tmp_path):
    (tmp_path / "file").write_text("in the way")
    reason = sentence(trained[1][1].trial_id, tmp_path / "file")
    assert f"{tmp_path / 'file'}: is no folder; name another place" in reason


@pytest.fixture
def own_results(trained, tmp_path):
    """A copy of the results, to be changed."""
    shutil.copytree(trained[0], tmp_path / "results")
    return ResultsPaths(tmp_path / "results")


def test_a_diverged_trial_has_no_network_to_export(trained, own_results, tmp_path, refused):
    paths = own_results.trial(trained[1][2].trial_id)
    content = paths.record.read_text()
    paths.record.write_text(content.replace('"outcome": "finished"', '"outcome": "diverged"'))
    seal_anew(paths.folder)

    reason = refused(*words(own_results.root, paths.trial_id, tmp_path / "to"))

    assert "diverged, there is no network to export" in reason
    assert not (tmp_path / "to").exists()


@pytest.mark.slow
def test_what_a_killed_writer_left_behind_is_no_trial(trained, own_results, tmp_path):
    name = trained[1][1].trial_id
    hidden = own_results.trials / f".{name}.left"
    hidden.mkdir()
    (hidden / "record.json").write_text("{}")

    assert main(words(own_results.root, name[:-2], tmp_path / "to")) == 0


def test_weights_that_are_gone_are_told_with_what_to_do(trained, own_results, tmp_path, refused):
    paths = own_results.trial(trained[1][1].trial_id)
    weights_path(paths).unlink()
    paths.network.unlink()

    reason = refused(*words(own_results.root, paths.trial_id, tmp_path / "to"))

    assert f"{paths.network}: no such file" in reason
    assert "is missing or damaged, too; copy the network from where" in reason
