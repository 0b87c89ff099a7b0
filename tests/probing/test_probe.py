"""Probes of trials that were really trained: LeNet on digits, and a ResNet on a few images."""

import shutil

import pytest
import torch
from torch import nn

from tests.data.builders import write_random_splits
from tests.tiny_suite import settings_for, tiny_document, tiny_specs
from ttq_bench.data.identity import identify
from ttq_bench.data.sources import find_source
from ttq_bench.errors import ResultsError
from ttq_bench.files import file_digest
from ttq_bench.probing.probe import ProbeImages, first_kernels, probe_trial, symmetrised_errors
from ttq_bench.probing.symmetrise import batch_norms, reestimate_batch_norm_
from ttq_bench.probing.trained_network import RecordedTrial, trained_model
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.store import read_record
from ttq_bench.records.weights import weights_path
from ttq_bench.suite.grid import expand
from ttq_bench.suite.reading import parse_suite
from ttq_bench.ternary.conversion import quantize_, quantized_layers, quantizer_of
from ttq_bench.ternary.strategies import DeltaStrategy
from ttq_bench.training.checkpoints import load_state, save_state
from ttq_bench.trial.run import run_trial


def recorded(spec, results):
    paths = ResultsPaths(results).trial(spec.trial_id)
    return RecordedTrial(spec, read_record(paths.record), paths)


@pytest.fixture(scope="module")
def lenet(whole, cache):
    """A ttq trial, its images, and the settings of its probe."""
    spec = tiny_specs(cache, epochs=3)[1]
    settings = settings_for(whole, cache)
    return recorded(spec, whole), ProbeImages(spec, settings), settings


@pytest.fixture
def lenet_model(lenet):
    return trained_model(lenet[0].spec, lenet[0].paths, 10)


@pytest.fixture(scope="module")
def resnet(tmp_path_factory, cache):
    """The same for a ResNet of two epochs, in bfloat16 and with augmentation."""
    root = tmp_path_factory.mktemp("probed")
    write_random_splits(root / "data", train=80, test=40)
    document = tiny_document(models=["resnet20"], datasets=["cifar10"])
    document["delta_strategies"] = [{"max_fraction": 0.05}]
    document["conversion"] = {"initial_scales": "ones"}
    changes = {"batch_size": 8, "precision": "bf16", "augmentation": "crop_flip"}
    for recipe in document["training"].values():
        recipe.update(changes, learning_rate=0.003)
    identity = identify(find_source("cifar10", root / "data"), cache)
    specs = [
        spec.model_copy(update={"validation_count": 16})
        for spec in expand(parse_suite(document, "", "t"), {"cifar10": identity}, "t")
    ]
    specs[1] = specs[1].model_copy(update={"parent": specs[0].trial_id})
    settings = settings_for(root / "results", cache)
    for spec in specs:
        assert run_trial(spec, settings, lambda: False) == "finished"
    return recorded(specs[1], root / "results"), ProbeImages(specs[1], settings), settings


@pytest.fixture
def resnet_model(resnet):
    return trained_model(resnet[0].spec, resnet[0].paths, 10)


def set_scales_(model, positive, negative=None):
    """Set the scales of every layer; ``negative`` is like ``positive`` unless given."""
    with torch.no_grad():
        for _, layer in quantized_layers(model):
            quantizer_of(layer).positive_scale.fill_(positive)
            quantizer_of(layer).negative_scale.fill_(positive if negative is None else negative)


def test_the_probe_of_a_network_without_batch_normalisation(lenet):
    trial, images, settings = lenet
    probe = probe_trial(trial, images, settings)

    assert probe.trial_id == trial.spec.trial_id
    assert probe.as_trained_error_percent == trial.record.errors.final_percent
    assert probe.reestimated_error_percent == probe.as_trained_error_percent
    assert (probe.test_images, probe.reestimation_images) == (400, 0)
    assert [layer.layer for layer in probe.symmetrised] == ["conv2", "fc1", "fc2"]
    assert probe.all_symmetrised_error_percent is not None
    assert probe.not_symmetrised == ()
    assert probe.weights_sha256 == file_digest(weights_path(trial.paths))
    assert probe.run["pixels_sha256"] == trial.record.run["pixels_sha256"]
    assert probe.seconds > 0


@pytest.mark.slow
def test_the_probe_of_a_network_with_batch_normalisation(resnet):
    trial, images, settings = resnet
    probe = probe_trial(trial, images, settings)

    assert probe.as_trained_error_percent == trial.record.errors.final_percent
    assert (probe.test_images, probe.reestimation_images) == (40, 64)
    assert len(probe.symmetrised) == 18
    assert any(layer.rho != 0 for layer in probe.symmetrised)
    assert probe.kernels.layer == "layer1.0.conv1"
    assert probe.kernels.shape == (16, 16, 3, 3)
    assert probe.run["precision"] == "bf16"


@pytest.mark.slow
def test_a_probe_repeated_gives_the_same_numbers(resnet):
    first, second = (probe_trial(*resnet).model_dump() for _ in range(2))
    for probe in (first, second):
        del probe["seconds"], probe["run"]["ended"]
    assert first == second


@pytest.mark.slow
def test_images_to_estimate_from_are_training_images_in_batches_of_one_size(lenet, resnet):
    sizes = [{len(batch) for batch in images.training} for _, images, _ in (lenet, resnet)]
    assert sizes == [{128}, {64}]  # whole batches of 1,197 images, and all of 64
    _, images, _ = lenet  # not augmented, so that pixels can be compared
    pixels = {image.numpy().tobytes() for batch in images.training for image in batch}
    validation = images.batches.held_out("validation", 100)
    held_out = {image.numpy().tobytes() for batch, _ in validation for image in batch}
    assert pixels.isdisjoint(held_out)


@pytest.mark.slow
def test_images_are_augmented_as_in_training(resnet):
    _, images, _ = resnet
    assert images.batches.augment is not None
    (batch,) = images.training
    (first, _), *_ = images.batches.epoch(0)
    assert torch.equal(batch, first)


@pytest.mark.slow
def test_statistics_of_every_normalisation_are_estimated_anew(resnet, resnet_model):
    _, images, _ = resnet
    before = [(norm.running_mean.clone(), norm.running_var.clone()) for norm in
              batch_norms(resnet_model)]  # fmt: skip
    reestimate_batch_norm_(resnet_model, images.training, "bf16")
    assert len(before) == 19
    for norm, (mean, variance) in zip(batch_norms(resnet_model), before, strict=True):
        assert not torch.equal(norm.running_mean, mean)
        assert not torch.equal(norm.running_var, variance)


@pytest.mark.slow
def test_a_network_is_the_same_to_the_bit_after_it_was_measured(resnet, resnet_model):
    _, images, _ = resnet
    before = {name: value.clone() for name, value in resnet_model.state_dict().items()}
    symmetrised_errors(resnet_model, images, "bf16")
    after = resnet_model.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())
    assert not any(module.training for module in resnet_model.modules())
    assert {norm.momentum for norm in batch_norms(resnet_model)} == {0.1}


@pytest.mark.slow
@pytest.mark.parametrize("case", ["lenet", "resnet"])
def test_equal_scales_give_the_errors_of_the_control(case, request):
    _, images, _ = request.getfixturevalue(case)
    model = request.getfixturevalue(f"{case}_model")
    set_scales_(model, 0.7371)
    errors = symmetrised_errors(model, images, "fp32")
    assert {layer.rho for layer in errors.by_layer} == {0.0}
    found = {layer.test_error_percent for layer in errors.by_layer}
    assert {*found, errors.all_layers} == {errors.reestimated}


def test_an_asymmetry_that_hurts_is_seen_in_its_own_layer_alone(lenet, lenet_model):
    """Scales made equal, then W_p of one layer made 30 times W_n: undoing that must help."""
    _, images, _ = lenet
    set_scales_(lenet_model, 0.1)
    good = symmetrised_errors(lenet_model, images, "fp32").reestimated
    quantizer = quantizer_of(lenet_model.conv2)
    with torch.no_grad():
        quantizer.positive_scale.mul_(30)

    errors = symmetrised_errors(lenet_model, images, "fp32")

    by_layer = {layer.layer: layer.test_error_percent for layer in errors.by_layer}
    assert errors.reestimated > good + 20
    assert by_layer["conv2"] < errors.reestimated - 20
    assert by_layer["fc1"] == by_layer["fc2"] == errors.reestimated
    assert errors.all_layers == by_layer["conv2"]


def test_an_asymmetry_that_the_network_needs_is_missed(resnet, resnet_model):
    """Before batch normalisation too, where only the ratio is left, it changes the answers."""
    _, images, _ = resnet
    changed = []
    for scales in ((5.0, 0.2), (1.0, 1.0)):
        set_scales_(resnet_model, *scales)
        reestimate_batch_norm_(resnet_model, images.training, "fp32")
        with torch.no_grad():
            changed.append(resnet_model(next(images.test())[0]))
    assert not torch.allclose(*changed, rtol=0.1, atol=0.1)


@pytest.mark.parametrize("scale", [-0.1, 0.0, float("nan")])
def test_a_layer_with_a_scale_that_is_not_positive_is_left_out_and_so_are_all(
    lenet, lenet_model, scale
):
    with torch.no_grad():
        quantizer_of(lenet_model.fc1).negative_scale.fill_(scale)
    errors = symmetrised_errors(lenet_model, lenet[1], "fp32")
    assert [layer.layer for layer in errors.by_layer] == ["conv2", "fc2"]
    assert errors.left_out == ("fc1",)
    assert errors.all_layers is None


def test_weights_that_are_not_those_of_the_record_are_refused(lenet, tmp_path):
    trial, images, settings = lenet
    shutil.copytree(trial.paths.work, tmp_path / "work" / trial.paths.trial_id)
    paths = ResultsPaths(tmp_path).trial(trial.paths.trial_id)
    state = load_state(weights_path(paths))
    state["model"]["linear.bias"][3] += 100.0
    save_state(weights_path(paths), state)

    with pytest.raises(ResultsError, match=r"its weights are not those of the record.* 91\.00 %"):
        probe_trial(RecordedTrial(trial.spec, trial.record, paths), images, settings)


def test_kernels_are_the_signs_of_the_first_ternary_convolution(lenet_model):
    kernels = first_kernels(lenet_model)
    assert (kernels.layer, kernels.shape) == ("conv2", (16, 6, 5, 5))
    signs = torch.tensor([{"+": 1.0, "0": 0.0, "-": -1.0}[code] for code in kernels.codes])
    assert torch.equal(signs.view(kernels.shape), lenet_model.conv2.weight.sign())
    assert set(kernels.codes) == {"+", "0", "-"}


def test_kernels_by_hand_in_any_memory_format():
    model = nn.Sequential(nn.Conv2d(1, 1, 1), nn.Conv2d(1, 2, 1), nn.Conv2d(2, 1, (1, 3)),
                          nn.Conv2d(1, 1, 3))  # fmt: skip
    with torch.no_grad():
        model[2].weight.copy_(torch.tensor([[[[1.0, -1.0, 0.0]], [[0.0, 1.0, 1.0]]]]))
    quantize_(model, "ttq", DeltaStrategy("max_fraction", 0.05))
    for form in (torch.contiguous_format, torch.channels_last):
        kernels = first_kernels(model.to(memory_format=form))
        assert (kernels.layer, kernels.shape, kernels.codes) == ("2", (1, 2, 1, 3), "+-00++")


def test_a_network_of_dense_layers_and_single_pixels_has_no_kernels():
    model = nn.Sequential(nn.Conv2d(1, 1, 3), nn.Conv2d(1, 2, 1), nn.Linear(2, 2), nn.Linear(2, 2))
    assert first_kernels(quantize_(model, "ttq")) is None
