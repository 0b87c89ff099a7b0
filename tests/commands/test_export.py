import re

import onnx
import pytest

from tests.record_builders import seal_anew
from tests.tiny_suite import command_line, settings_for, tiny_specs
from ttq_bench.cli import main
from ttq_bench.export.image_facts import ImageFacts
from ttq_bench.export.packed_file import image_facts, load_packed
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.store import read_record
from ttq_bench.records.weights import weights_path
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
    assert names == [f"{name}.onnx", f"{name}.safetensors", f"{name}.sizes.csv"]
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
