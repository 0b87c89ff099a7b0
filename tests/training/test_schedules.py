import pytest
from hypothesis import given
from hypothesis import strategies as st

from ttq_bench.errors import TtqBenchError
from ttq_bench.training.recipe import Recipe
from ttq_bench.training.schedules import check_warmup, learning_rate

STEP = Recipe(epochs=10, learning_rate=0.1, decay_epochs=(4, 8), decay_factor=0.1)
COSINE = Recipe(epochs=4, learning_rate=0.2, schedule="cosine")


@pytest.mark.parametrize(
    ("step", "rate"),
    [(0, 0.1), (199, 0.1), (200, 0.01), (399, 0.01), (400, 0.001), (499, 0.001)],
)
def test_the_rate_falls_at_the_first_step_of_each_decay_epoch(step, rate):
    assert learning_rate(STEP, step, 50) == pytest.approx(rate, rel=1e-12)


@pytest.mark.parametrize("steps", [1, 3, 7, 390, 391])
def test_no_number_of_steps_moves_the_decay(steps):
    recipe = Recipe(epochs=200, learning_rate=1.0, decay_epochs=(80, 120), decay_factor=0.5)

    rates = [learning_rate(recipe, n * steps + d, steps) for n in (80, 120) for d in (-1, 0)]

    assert rates == [1.0, 0.5, 0.5, 0.25]


def test_a_rate_without_decay_epochs_is_constant():
    recipe = Recipe(epochs=3, learning_rate=0.3)

    assert {learning_rate(recipe, step, 5) for step in range(15)} == {0.3}


@pytest.mark.parametrize(
    ("step", "rate"), [(0, 0.2), (10, 0.1707106781), (20, 0.1), (30, 0.029289)]
)
def test_cosine_passes_its_half_at_half_time(step, rate):
    assert learning_rate(COSINE, step, 10) == pytest.approx(rate, rel=1e-4)


def test_cosine_ends_just_above_zero():
    assert 0 < learning_rate(COSINE, 3999, 1000) < 1e-7


@pytest.mark.parametrize("schedule", ["step", "cosine"])
def test_warmup_grows_evenly_to_the_full_rate(schedule):
    recipe = Recipe(epochs=5, learning_rate=0.8, warmup_epochs=2.0, schedule=schedule)

    rates = [learning_rate(recipe, step, 4) for step in range(9)]

    assert rates == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.8])


def test_a_warmup_that_is_no_whole_number_of_steps_ends_once_above_the_full_rate():
    recipe = Recipe(epochs=2, learning_rate=1.0, warmup_epochs=0.5)

    rates = [learning_rate(recipe, step, 5) for step in range(4)]

    assert rates == pytest.approx([0.4, 0.8, 1.2, 1.0])


@pytest.mark.parametrize("epochs", [0.0, 0.0256, 0.5])
def test_a_warmup_of_a_step_or_more_is_taken(epochs):
    check_warmup(Recipe(epochs=2, warmup_epochs=epochs), 39)


def test_a_warmup_of_less_than_a_step_is_refused():
    with pytest.raises(
        TtqBenchError, match=r"at least one step, which is 0\.0256 epochs.*got 0.01"
    ):
        check_warmup(Recipe(epochs=2, warmup_epochs=0.01), 39)


def test_cosine_after_warmup_takes_the_rest_of_the_run():
    recipe = Recipe(epochs=6, learning_rate=0.8, warmup_epochs=2.0, schedule="cosine")

    assert learning_rate(recipe, 4 * 10, 10) == pytest.approx(0.4)


@given(
    epochs=st.integers(3, 50),
    warmup=st.integers(0, 2),
    steps=st.integers(1, 400),
    schedule=st.sampled_from(["step", "cosine"]),
    place=st.floats(0, 1, exclude_max=True),
)
def test_no_rate_lies_outside_zero_and_the_full_rate(epochs, warmup, steps, schedule, place):
    recipe = Recipe(
        epochs=epochs, learning_rate=0.5, warmup_epochs=float(warmup), schedule=schedule
    )

    rate = learning_rate(recipe, int(place * epochs * steps), steps)

    assert 0 < rate <= 0.5 * (1 + 1e-12)
