import math

import pytest
import torch
from torch import nn

from ttq_bench.ternary.conversion import latent_of, quantize_, quantizer_of
from ttq_bench.ternary.methods import METHODS
from ttq_bench.ternary.strategies import DeltaStrategy
from ttq_bench.ternary.weight_stats import layer_statistics
from ttq_bench.trial.observation import (
    HISTOGRAM_BINS,
    Observation,
    histograms,
    layer_alarms,
)
from ttq_bench.trial.scale_invariance import GaugeWatch


def network(method="ttq", **options) -> nn.Module:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(),
        nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4), nn.ReLU(),
        nn.Conv2d(4, 4, 3), nn.Flatten(), nn.Linear(16, 3),
    )  # fmt: skip
    return quantize_(model, method, **options)


def step(model) -> None:
    images = torch.randn(8, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    nn.functional.cross_entropy(model(images), torch.arange(8) % 3).backward()


def observed(method, **options):
    """Return the rows of a network after one step whose scales were set apart first."""
    model = network(method, **options)
    with torch.no_grad():
        for index in (3, 6):
            quantizer_of(model[index]).negative_scale.mul_(0.5)
    observation = Observation(model)
    step(model)
    observation.after_backward()
    return observation.end_epoch()


def test_before_any_step_there_are_no_flips_and_no_residue():
    rows = Observation(network()).end_epoch(stepped=False)

    assert [row["code_flips"] for row in rows] == [None, None]
    assert [row["gauge_residue"] for row in rows] == [None, None]
    assert [row["layer_index"] for row in rows] == [0, 1]


@pytest.mark.parametrize("granularity", ["layer", "channel"])
@pytest.mark.parametrize("method", ["ttq", "ttq-ste", "ttq-as-printed"])
def test_true_gradients_of_a_fed_layer_leave_next_to_no_residue(method, granularity):
    fed, free = observed(method, granularity=granularity)

    assert fed["gauge_residue"] < 1e-2
    assert free["gauge_residue"] is None


def test_a_wrong_sign_leaves_a_residue_that_cannot_be_missed():
    model = network()
    observation = Observation(model)
    step(model)
    quantizer_of(model[3]).negative_scale.grad.neg_()
    observation.after_backward()

    assert observation.end_epoch()[0]["gauge_residue"] == pytest.approx(1.0, abs=1e-2)


@pytest.mark.parametrize("method", sorted(set(METHODS) - {"full_precision"}))
def test_every_method_can_be_observed(method):
    model = network(method)
    observation = Observation(model)
    step(model)
    observation.after_backward()

    assert len(observation.end_epoch()) == 2


def test_full_precision_has_nothing_to_observe():
    observation = Observation(network("full_precision"))
    observation.after_backward()

    assert observation.end_epoch() == []


def test_flips_are_the_share_of_codes_that_changed_since_the_last_epoch():
    model = network()
    observation = Observation(model)
    step(model)
    observation.after_backward()
    with torch.no_grad():
        latent_of(model[3]).view(-1)[:36].neg_()

    flips = [row["code_flips"] for row in observation.end_epoch()]

    moved = quantizer_of(model[3]).codes(latent_of(model[3])).view(-1)[:36]
    assert flips == [pytest.approx(int((moved != 0).sum()) / 144), 0.0]


def test_an_epoch_starts_from_nothing():
    model = network()
    observation = Observation(model)
    for expected in (0.0, 0.0):
        step(model)
        observation.after_backward()
        assert observation.end_epoch()[0]["code_flips"] == expected
    assert observation.end_epoch()[0]["gauge_residue"] is None


def test_observing_moves_no_number():
    model = network()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    observation = Observation(model)
    observation.end_epoch()
    histograms(model)

    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_a_layer_that_the_loss_does_not_reach_has_no_residue():
    model = network()
    observation = Observation(model)
    observation.after_backward()

    assert observation.end_epoch()[0]["gauge_residue"] is None


def test_a_dead_layer_has_no_residue():
    model = network()
    nn.init.zeros_(latent_of(model[3]))
    observation = Observation(model)
    step(model)
    observation.after_backward()

    assert observation.end_epoch()[0]["gauge_residue"] is None


@pytest.mark.slow
@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("granularity", ["layer", "channel"])
def test_steps_at_right_angles_explain_how_the_size_grows(granularity, momentum):
    model = network(granularity=granularity)
    model[4].eps = 1e-30
    model.double()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=momentum)
    observation = Observation(model)
    before = observation.end_epoch()[0]["scale_squares"]
    for _ in range(200):
        optimizer.zero_grad()
        images = torch.randn(8, 1, 8, 8, generator=torch.Generator().manual_seed(1)).double()
        nn.functional.cross_entropy(model(images), torch.arange(8) % 3).backward()
        observation.after_backward()
        optimizer.step()

    row = observation.end_epoch()[0]

    growth = (1 + momentum) / (1 - momentum) * row["scale_path"]
    assert growth > 1e-4
    assert row["scale_squares"] - before == pytest.approx(growth, rel=0.02)


def test_histograms_hold_every_latent_weight_between_its_bounds():
    model = network()

    first, second = histograms(model)

    assert (first.layer, second.layer) == ("3", "6")
    assert len(first.counts) == HISTOGRAM_BINS
    assert sum(first.counts) == latent_of(model[3]).numel()
    assert first.reach == pytest.approx(latent_of(model[3]).abs().max().item())
    upper = int((latent_of(model[3]) >= 0).sum())
    assert sum(first.counts[HISTOGRAM_BINS // 2 :]) == upper


def test_a_layer_of_zeros_has_a_histogram():
    model = network()
    nn.init.zeros_(latent_of(model[3]))

    assert sum(histograms(model)[0].counts) == latent_of(model[3]).numel()


def alarms_of(latent, strategy, method="ttq", negative_scale=1.0):
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2), nn.Linear(2, 2))
    with torch.no_grad():
        model[1].weight.copy_(torch.tensor(latent))
        quantize_(model, method, strategy)
        if method == "ttq":
            quantizer_of(model[1]).negative_scale.fill_(negative_scale)
    return layer_alarms(layer_statistics(model)[0])


SOME = [[0.5, -0.5], [0.01, 0.3]]


EQUAL = [[0.5, -0.5], [0.5, 0.5]]


@pytest.mark.parametrize(
    ("latent", "fraction", "told"),
    [
        (SOME, 0.1, []),
        ([[0.0, 0.0]] * 2, 0.1, ["dead layer: all weights are zero"]),
        (EQUAL, 0.1, ["saturated layer: no weight is zero"]),
        (SOME, 0.0, []),  # a threshold of 0 can give no zeros
    ],
)
def test_a_layer_without_zeros_or_of_zeros_alone_is_an_alarm(latent, fraction, told):
    assert alarms_of(latent, DeltaStrategy("max_fraction", fraction)) == told


def test_binary_weights_without_zeros_are_no_alarm():
    assert alarms_of(SOME, None, method="bwn") == []


def test_a_scale_that_is_negative_zero_or_no_number_is_told():
    strategy = DeltaStrategy("max_fraction", 0.1)

    for scale in (-0.1, 0.0, math.nan):
        assert alarms_of(SOME, strategy, negative_scale=scale) == ["scale that is not positive"]


def test_sums_stay_where_they_lie_for_a_graph_that_holds_on_to_them():
    model = network()
    gauge = GaugeWatch(model)
    places = gauge.sums.data_ptr(), gauge.before.data_ptr()
    for _ in range(2):
        step(model)
        gauge.after_backward()
        gauge.end_epoch()
        gauge.begin_epoch()

    assert (gauge.sums.data_ptr(), gauge.before.data_ptr()) == places
