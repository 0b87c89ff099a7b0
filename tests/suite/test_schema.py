import pytest

from tests.suite.conftest import problems_of


@pytest.mark.parametrize(
    ("axis", "given", "said"),
    [
        ("datasets", ["cifar11"], "unknown dataset 'cifar11'; did you mean 'cifar10'?"),
        ("models", ["resnet21"], "unknown model 'resnet21'; did you mean 'resnet"),
        ("methods", ["tqt"], "unknown method 'tqt'; did you mean 'ttq'?"),
        ("delta_strategies", [{"max_fractio": 0.05}],
         "delta_strategies.0: unknown delta strategy 'max_fractio'; did you mean 'max_fraction'?"),
        ("delta_strategies", [{"max_fraction": 1.0}], "from 0 up to, not including, 1; got 1"),
        ("delta_strategies", [{"max_fraction": -0.1}], "got -0.1"),
        ("delta_strategies", [{"max_fraction": "5e-2"}], "reads as text; write 0.05"),
        ("delta_strategies", [{"max_fraction": True}], "expected a number, got true"),
        ("delta_strategies", [{"max_fraction": {"number": 0.1, "update": "hour"}}],
         "max_fraction: update: expected 'step' or 'epoch', got 'hour'"),
        ("delta_strategies", [{"max_fraction": {"numbr": 0.1}}],
         "max_fraction: numbr: unknown field; did you mean 'number'?"),
        ("delta_strategies", [{"max_fraction": {"start": 0.1}}], "number: is missing"),
        ("delta_strategies", [{"max_fraction": {"number": 0.1, "start": 0.2}}], "come together"),
        ("delta_strategies", [{"max_fraction": {"number": 0.1, "start": 0.2, "ramp_epochs": 99.0}}],
         "max_fraction(0.2 to 0.1 in 99 epochs) does not get there in the"),
        ("conversion", {"normalise_latent": True}, "normalise_latent: expected false, 'max' or"),
        ("conversion", {"granularity": "chanel"}, "expected 'published', 'layer' or 'channel'"),
        ("delta_strategies", ["max_fraction"], "expected 'NAME: NUMBER', for example"),
        ("delta_strategies", [{"max_fraction": 0.05}] * 2, "is given twice"),
        ("delta_strategies", [], "method 'ttq' needs at least one"),
        ("models", [], "models: is empty; name at least one"),
        ("models", "resnet20", "models: expected a list, got 'resnet20'"),
        ("models", ["lenet5"], "'lenet5' takes images of (1, 28, 28), 'cifar10' has (3, 32, 32)"),
        ("seeds", [3, 1, 3], "seeds: 3 is given twice"),
        ("seeds", [-1], "seeds.0: expected greater than or equal to 0, got -1"),
        ("seeds", ["0"], "seeds.0: expected a whole number, got '0'"),
        ("seeds", [True], "seeds.0: expected a whole number, got true"),
        ("name", "Not A Name", "name: expected"),
        ("exclude", ["resnet20"], "exclude.0: expected a mapping, got 'resnet20'"),
        ("training", {"full_precision": {"epochs": 1}}, "training.fine_tuned: is missing"),
        ("conversion", {"keep_last": 1}, "conversion.keep_last: expected true or false, got 1"),
    ],
)  # fmt: skip
def test_a_bad_value_is_told_with_its_field_and_what_is_allowed(read, small, axis, given, said):
    small[axis] = given
    message = problems_of(read, small)
    assert said in message
    assert "1 problem\n" in message


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"epochs": 0}, "epochs: expected greater than or equal to 1, got 0"),
        ({"momentum": 1}, "momentum: expected less than 1, got 1"),
        ({"learning_rate": float("nan")}, "learning_rate: expected"),
        ({"schedule": "stepp"}, "expected 'step' or 'cosine', got 'stepp'"),
        ({"schedule": "cosine", "decay_epochs": [3]}, "decay_epochs has no effect"),
        ({"decay_epochs": [8]}, "decay_epochs must lie between 1 and epochs - 1 = 7"),
        ({"decay_epochs": [4, 3]}, "decay_epochs must grow"),
        ({"warmup_epochs": 8.0}, "warmup_epochs must be fewer than epochs"),
    ],
)
def test_a_recipe_that_cannot_be_meant_is_refused(read, small, changes, said):
    small["training"]["full_precision"].update(changes)
    assert said in problems_of(read, small)
