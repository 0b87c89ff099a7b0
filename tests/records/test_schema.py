import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.records.conftest import make_record
from tests.spec.test_trial import SPEC
from ttq_bench.records.schema import MOVING_AVERAGE_EPOCHS, TrialRecord, summarise_errors
from ttq_bench.records.store import record_bytes


def rows(test, validation, train_loss=1.0):
    return [
        {"epoch": number, "train_loss": train_loss, "test_error_percent": t,
         "validation_error_percent": v}
        for number, (t, v) in enumerate(zip(test, validation, strict=True), start=1)
    ]  # fmt: skip


def test_a_run_is_summarised_by_hand():
    errors = summarise_errors(rows([40.0, 12.0, 10.0, 14.0], [41.0, 11.0, 13.0, 15.0]))
    assert errors is not None
    assert errors.final_percent == 14.0
    assert errors.final_validation_percent == 15.0
    assert errors.at_best_validation_percent == 12.0
    assert errors.best_validation_epoch == 2
    assert errors.minimum_over_test_percent == 10.0
    assert errors.moving_average_percent == 19.0
    assert errors.moving_average_epochs == 4


def test_moving_average_takes_the_last_epochs_only():
    test = [1000.0] * 5 + [float(number) for number in range(MOVING_AVERAGE_EPOCHS)]
    errors = summarise_errors(rows(test, test))
    assert errors is not None
    assert errors.moving_average_percent == pytest.approx((MOVING_AVERAGE_EPOCHS - 1) / 2)
    assert errors.moving_average_epochs == MOVING_AVERAGE_EPOCHS


def test_of_equally_good_epochs_the_first_is_the_best():
    errors = summarise_errors(rows([3.0, 2.0, 1.0], [5.0, 5.0, 6.0]))
    assert errors is not None
    assert (errors.best_validation_epoch, errors.at_best_validation_percent) == (1, 3.0)


def test_a_run_without_epochs_has_no_errors():
    assert summarise_errors([]) is None


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_a_run_whose_loss_is_not_finite_has_no_errors(loss):
    assert summarise_errors(rows([1.0], [1.0], train_loss=loss)) is None


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 100)), min_size=1, max_size=60))
def test_no_way_to_read_a_run_is_below_its_minimum(pairs):
    errors = summarise_errors(rows(*zip(*pairs, strict=True)))
    assert errors is not None
    lowest = errors.minimum_over_test_percent
    assert lowest <= min(errors.final_percent, errors.at_best_validation_percent)
    assert lowest <= errors.moving_average_percent + 1e-9


def record_with(**changes):
    return make_record(SPEC.trial_id, spec=SPEC.resolved() | changes)


def test_a_record_gives_the_spec_that_it_was_made_of_and_reads_it_once():
    record = record_with()
    before = record_bytes(record)
    assert record.trial_spec == SPEC
    assert record.trial_spec is record.trial_spec
    assert record.reported_spec is record.reported_spec
    assert str(record.reported_spec.strategy) == SPEC.strategy
    assert record_bytes(record) == before
    assert TrialRecord.model_validate_json(before) == record


def test_a_spec_with_a_field_that_is_not_known_here_is_reported_and_is_no_trial_of_this_version():
    record = record_with(recipe=SPEC.resolved()["recipe"] | {"lookahead": 5})
    with pytest.raises(ValueError, match="lookahead"):
        _ = record.trial_spec
    assert record.reported_spec.recipe.epochs == SPEC.recipe.epochs
    assert record.spec["recipe"]["lookahead"] == 5


@pytest.mark.parametrize("changes", [{"repeat": "<b>"}, {"dataset": "<b>"}, {"recipe": {}}])
def test_a_spec_that_would_do_harm_or_says_too_little_is_not_reported(changes):
    with pytest.raises(pydantic.ValidationError):
        _ = record_with(**changes).reported_spec


def test_a_copied_record_with_another_spec_reads_that_one():
    record = record_with()
    assert (record.trial_spec.seed, record.reported_spec.seed) == (SPEC.seed, SPEC.seed)
    other = record.model_copy(update={"spec": SPEC.resolved() | {"seed": 7}})
    assert (other.trial_spec.seed, other.reported_spec.seed) == (7, 7)
