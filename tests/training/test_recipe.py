import subprocess
import sys

import pytest
from pydantic import ValidationError

from ttq_bench.training.recipe import Recipe


def test_a_recipe_is_plain_unless_told_otherwise():
    recipe = Recipe(epochs=3)

    assert recipe.label_smoothing == 0.0
    assert recipe.warmup_epochs == 0.0
    assert recipe.decay_epochs == ()
    assert not recipe.nesterov
    assert not recipe.decay_scales


def test_a_recipe_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        Recipe(epochs=3).epochs = 4


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"schedule": "cosine", "decay_epochs": (2,)}, "no effect with the cosine schedule"),
        ({"decay_epochs": (5, 3)}, "must grow from one to the next"),
        ({"decay_epochs": (3, 3)}, "must grow from one to the next"),
        ({"decay_epochs": (0, 3)}, "between 1 and epochs - 1 = 9"),
        ({"decay_epochs": (3, 10)}, "between 1 and epochs - 1 = 9"),
        ({"warmup_epochs": 10.0}, "warmup_epochs must be fewer than epochs"),
        ({"nesterov": True, "momentum": 0.0}, "nesterov needs a momentum above 0"),
        ({"learning_rate": "1e-4"}, "learning_rate\n.*valid number"),
        ({"learning_rate": 0.0}, "learning_rate\n.*greater than 0"),
        ({"learning_rate": float("inf")}, "learning_rate\n.*finite"),
        ({"weight_decay": float("nan")}, "weight_decay\n"),
        ({"weight_decay": -1e-4}, "weight_decay\n"),
        ({"momentum": 1.0}, "momentum\n.*less than 1"),
        ({"label_smoothing": 1.0}, "label_smoothing\n"),
        ({"decay_factor": 1.0}, "decay_factor\n"),
        ({"epochs": 0}, "epochs\n"),
        ({"epochs": True}, "epochs\n.*valid integer"),
        ({"epochs": 3.0}, "epochs\n.*valid integer"),
        ({"batch_size": 0}, "batch_size\n"),
        ({"precision": "fp16"}, "precision\n.*'bf16' or 'fp32'"),
        ({"augmentation": "flip"}, "augmentation\n"),
        ({"epoch": 3}, "epoch\n.*not permitted"),
    ],
)
def test_a_recipe_that_cannot_be_meant_is_refused_and_named(fields, message):
    with pytest.raises(ValidationError, match=message):
        Recipe(**{"epochs": 10, **fields})


@pytest.mark.parametrize("decay_epochs", [(), (1,), (9,), (1, 5, 9)])
def test_decay_epochs_up_to_the_last_but_one_are_allowed(decay_epochs):
    assert Recipe(epochs=10, decay_epochs=decay_epochs).decay_epochs == decay_epochs


def test_recipes_need_no_torch():
    code = "import sys, ttq_bench.training.recipe; sys.exit('torch' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
