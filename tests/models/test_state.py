import pytest
import torch
from torch import nn

from ttq_bench.errors import TtqBenchError
from ttq_bench.models.build import build_model
from ttq_bench.models.state import load_weights


def small(fill: float) -> nn.Module:
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    for parameter in model.parameters():
        nn.init.constant_(parameter, fill)
    return model


def equal(first: nn.Module, second: nn.Module) -> bool:
    states = first.state_dict(), second.state_dict()
    return all(torch.equal(states[0][key], states[1][key]) for key in states[0] | states[1])


@pytest.mark.parametrize("prefix", ["", "module."])
def test_weights_load_with_and_without_the_prefix_of_a_wrapper(prefix):
    saved = build_model("resnet20", classes=10, seed=1)
    model = build_model("resnet20", classes=10, seed=2)

    load_weights(
        model, {prefix + key: value for key, value in saved.state_dict().items()}, source="file"
    )

    assert equal(model, saved)


def test_a_module_within_the_network_may_be_called_module():
    saved, model = (nn.ModuleDict({"inner": nn.ModuleDict({"module": small(x)})}) for x in (1, 2))

    load_weights(model, saved.state_dict(), source="file")

    assert equal(model, saved)


def misfits() -> dict[str, tuple[dict[str, torch.Tensor], str]]:
    missing, foreign, misshapen = (small(5.0).state_dict() for _ in range(3))
    del missing["0.bias"]
    foreign["extra.weight"] = torch.zeros(1)
    misshapen["0.weight"] = torch.zeros(3, 9)
    return {
        "missing": (missing, "missing: 0.bias$"),
        "foreign": (foreign, "not in the model: extra.weight$"),
        "misshapen": (misshapen, "of another shape: 0.weight$"),
    }


@pytest.mark.parametrize("kind", ["missing", "foreign", "misshapen"])
def test_a_mismatch_names_source_and_key_and_leaves_the_network_unchanged(kind):
    state, message = misfits()[kind]
    model = small(1.0)

    with pytest.raises(TtqBenchError, match=f"^some/file: .* keys {message}"):
        load_weights(model, state, source="some/file")

    assert equal(model, small(1.0))


def test_all_kinds_of_mismatch_are_told_at_once():
    state = {"0.weight": torch.zeros(1), "strange": torch.zeros(1)}

    with pytest.raises(TtqBenchError) as caught:
        load_weights(small(1.0), state, source="file")

    for part in ("missing: 0.bias, 1.bias", "not in the model: strange", "another shape: 0.weight"):
        assert part in str(caught.value)


def test_files_of_an_old_torch_without_counters_of_batches_load():
    saved, model = small(1.0), small(2.0)
    state = {k: v for k, v in saved.state_dict().items() if not k.endswith("num_batches_tracked")}
    with torch.no_grad():
        model[1].num_batches_tracked += 7

    load_weights(model, state, source="file")

    assert equal(model, saved)
    assert model[1].num_batches_tracked == 0


def test_a_long_list_of_keys_is_cut_and_the_rest_counted():
    with pytest.raises(TtqBenchError, match=r"missing: (?:[^,]+, ){4}[^,]+ and 1 more$"):
        load_weights(small(1.0), {}, source="file")


def test_one_number_fits_with_and_without_a_dimension():
    model = nn.PReLU()

    load_weights(model, {"weight": torch.tensor(0.5)}, source="old.pt")

    assert model.weight.tolist() == [0.5]


@pytest.mark.parametrize(
    "change",
    [
        lambda state: {3: state.pop("0.bias"), **state},
        lambda state: state | {"0.bias": [0.0]},
        lambda state: state | {"0.bias": state["0.bias"].to_sparse()},
        lambda state: state | {"0.bias": state["0.bias"].to("meta")},
        lambda state: state | {"0.bias": state["0.bias"].to(torch.complex64)},
    ],
)
def test_what_is_no_dense_tensor_under_a_name_is_refused_in_one_sentence(change):
    model = small(1.0)
    with pytest.raises(TtqBenchError, match=r"^file: weights do not fit .*; expected names"):
        load_weights(model, change(dict(small(5.0).state_dict())), source="file")
    assert equal(model, small(1.0))
