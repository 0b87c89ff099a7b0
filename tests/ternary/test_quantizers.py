import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.rule_numbers import number_of
from ttq_bench.ternary.methods import METHODS
from ttq_bench.ternary.quantizers import Quantizer
from ttq_bench.ternary.strategies import DeltaStrategy
from ttq_bench.ternary.thresholds import THRESHOLDS

LATENT = torch.tensor([0.8, 0.4, 0.1, -0.1, -0.2, -1.0])
STRATEGIES = sorted(THRESHOLDS)


def trained(rule, number, latent=LATENT, method="ttq", **options):
    """Return the quantizer of one layer under the rule ``rule`` with ``number``."""
    strategy = DeltaStrategy(rule, number, **options.pop("moves", {}))
    return Quantizer(METHODS[method], strategy, latent, **options)


def test_a_layer_is_ternary_from_its_first_forward_pass():
    quantizer = trained("max_fraction", 0.15)

    assert quantizer(LATENT).tolist() == [1, 1, 0, 0, -1, -1]


def test_weights_follow_the_scales():
    quantizer = trained("constant_sparsity", 0.5)
    with torch.no_grad():
        quantizer.positive_scale.fill_(0.5)
        quantizer.negative_scale.fill_(0.25)

    assert quantizer(LATENT).tolist() == [0.5, 0.5, 0, 0, 0, -0.25]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_codes_and_threshold_are_those_of_the_forward_pass(strategy):
    quantizer = trained(strategy, number_of(strategy, 0.05))
    latent = torch.randn(40, generator=torch.Generator().manual_seed(0))

    codes = quantizer.codes(latent)

    assert torch.equal(codes.float(), quantizer(latent))
    assert torch.equal(codes == 0, latent.abs() <= quantizer.threshold(latent))


def test_scales_start_at_one_whatever_they_were():
    quantizer = trained("max_fraction", 0.15)
    quantizer.set_initial_scales(LATENT, "least_squares")
    quantizer.set_initial_scales(LATENT, "ones")

    assert (quantizer.positive_scale.item(), quantizer.negative_scale.item()) == (1.0, 1.0)


def test_least_squares_scales_are_the_mean_magnitudes_of_their_sets():
    quantizer = trained("max_fraction", 0.15)

    quantizer.set_initial_scales(LATENT, "least_squares")

    assert quantizer.positive_scale.item() == pytest.approx((0.8 + 0.4) / 2)
    assert quantizer.negative_scale.item() == pytest.approx((0.2 + 1.0) / 2)


def test_the_scale_of_an_empty_set_starts_at_one():
    quantizer = trained("max_fraction", 0.15)

    quantizer.set_initial_scales(torch.tensor([0.5, 0.3]), "least_squares")

    assert quantizer.positive_scale.item() == pytest.approx(0.4)
    assert quantizer.negative_scale.item() == 1.0


@given(
    values=st.lists(st.floats(-4, 4, width=16), min_size=2, max_size=30),
    moves=st.tuples(st.sampled_from([-0.25, 0.0, 0.25]), st.sampled_from([-0.25, 0.0, 0.25])),
)
def test_no_other_scales_are_nearer_to_the_latent_weights(values, moves):
    latent = torch.tensor(values, dtype=torch.float64)
    quantizer = trained("constant_sparsity", 0.4, latent).double()
    quantizer.set_initial_scales(latent, "least_squares")

    @torch.no_grad()
    def distance() -> float:
        return float((quantizer(latent) - latent).square().sum())

    best = distance()
    with torch.no_grad():
        quantizer.positive_scale.add_(moves[0])
        quantizer.negative_scale.add_(moves[1])

    assert best <= distance() + 1e-4


def test_initial_scales_are_still_trainable_leaves():
    quantizer = trained("max_fraction", 0.15)

    quantizer.set_initial_scales(LATENT, "least_squares")

    for scale in quantizer.parameters():
        assert scale.requires_grad
        assert scale.is_leaf


def tied():
    return trained("max_fraction", 0.15, method="ttq-tied")


def replaced(quantizer):
    """Return the quantizer with parameters that a state was assigned to."""
    quantizer.load_state_dict(tied().state_dict(), assign=True)
    return quantizer


def emptied(quantizer):
    """Return the quantizer with parameters made on a device and filled anew."""
    quantizer.to("meta").to_empty(device="cpu").load_state_dict(tied().state_dict())
    return quantizer


def overwritten(quantizer):
    """Return the quantizer in double precision, its parameters replaced and not changed."""
    torch.__future__.set_overwrite_module_params_on_conversion(True)
    try:
        return quantizer.double().float()
    finally:
        torch.__future__.set_overwrite_module_params_on_conversion(False)


@pytest.mark.parametrize("change", [replaced, emptied, overwritten, copy.deepcopy])
def test_a_tied_pair_stays_one_scale_whatever_replaces_its_parameters(change):
    quantizer = change(tied())

    assert quantizer.negative_scale is quantizer.positive_scale
    quantizer(LATENT).backward(torch.ones_like(LATENT))
    assert len(list(quantizer.parameters())) == 1
    assert quantizer.positive_scale.grad.item() == 0.0  # two positive codes, two negative ones


def test_a_tied_pair_that_was_torn_apart_still_computes_with_one_scale():
    quantizer = tied()
    quantizer.negative_scale = torch.nn.Parameter(torch.full((1,), 9.0))

    assert quantizer(LATENT).tolist() == [1, 1, 0, 0, -1, -1]


def test_a_state_with_two_scales_does_not_load_into_a_tied_pair():
    state = trained("max_fraction", 0.15).state_dict()
    state["negative_scale"] = torch.tensor([2.0])

    with pytest.raises(RuntimeError, match="has one scale for both signs, and the state has two"):
        tied().load_state_dict(state)


@pytest.mark.parametrize("method", ["ttq", "ttq-tied", "ternary-plain"])
@pytest.mark.parametrize("assign", [True, False])
def test_scales_without_dimensions_of_older_files_load(method, assign):
    quantizer = trained("max_fraction", 0.15, method=method)
    state = {name: torch.tensor(0.5) for name in quantizer.state_dict()}

    quantizer.load_state_dict(state, assign=assign)

    assert quantizer.positive_scale.shape == quantizer.negative_scale.shape == (1,)
    assert quantizer(LATENT).tolist() == [0.5, 0.5, 0, 0, -0.5, -0.5]
