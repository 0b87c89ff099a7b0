import pytest

from tests.records.conftest import make_record
from tests.spec.test_trial import SPEC
from tests.suite.conftest import trials_of
from ttq_bench.data.catalog import DATASETS
from ttq_bench.models.catalog import MODELS
from ttq_bench.provenance import INSTRUCTIONS
from ttq_bench.spec.trial import FolderImages, TrialSpec
from ttq_bench.suite.costs import Rates, epoch_core_seconds, measured_rates, trial_core_seconds
from ttq_bench.training.recipe import Recipe

FITTING = [
    (dataset, model)
    for dataset, data in DATASETS.items()
    for model, card in MODELS.items()
    if data.image_shape == card.image_shape
]


HERE, LEVEL = "this processor", "avx2"


def record_of(spec, seconds_per_epoch, /, **changes):
    run = {"device": "cpu", "threads": 2}
    provenance = {"processor": HERE, "instructions": LEVEL}
    fields = {"spec": spec.resolved(), "run": run, "epochs_done": 4, "provenance": provenance}
    return make_record(spec.trial_id, training_seconds=4 * seconds_per_epoch, **fields | changes)


def rates_of(records, device="cpu", instructions=LEVEL):
    return measured_rates(records, device, processor=HERE, instructions=instructions)


@pytest.fixture
def spec(small):
    return trials_of(small)[0]


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize(("dataset", "model"), FITTING)
def test_every_model_on_every_dataset_that_fits_costs_something(dataset, model, device):
    spec = TrialSpec(
        protocol="p", dataset=dataset, data_fingerprint="f", model=model, seed=0,
        validation_count=DATASETS[dataset].validation_count, recipe=Recipe(epochs=1),
    )  # fmt: skip
    assert epoch_core_seconds(spec, device, LEVEL) > 0


def test_images_of_a_folder_cost_by_their_number(spec):
    def cost(count):
        images = FolderImages(image_shape=(3, 32, 32), classes=2, train_count=count, test_count=9)
        changes = {"dataset": "folder-birds", "images": images, "validation_count": 1}
        return epoch_core_seconds(spec.model_copy(update=changes), "cpu", LEVEL)

    assert cost(2_000) == pytest.approx(2 * cost(1_000), rel=0.01)


def test_records_of_a_folder_count_for_the_rates(spec):
    images = FolderImages(image_shape=(3, 32, 32), classes=2, train_count=900, test_count=9)
    spec = spec.model_copy(update={"dataset": "folder-birds", "images": images})
    rates = rates_of([record_of(spec, 100.0)], "cpu")
    assert trial_core_seconds(spec, 1, rates) == pytest.approx(100.0 * 2)


def test_cost_grows_with_the_number_of_epochs(spec):
    rates = Rates("cpu", {})
    assert trial_core_seconds(spec, 0, rates) == 0
    assert trial_core_seconds(spec, 6, rates) == pytest.approx(
        6 * trial_core_seconds(spec, 1, rates)
    )


def test_measured_rates_replace_the_estimate(spec):
    rates = rates_of([record_of(spec, 100.0)], "cpu")
    assert rates.is_measured
    assert trial_core_seconds(spec, 3, rates) == pytest.approx(3 * 100.0 * 2)


def test_the_median_of_several_records_counts(spec):
    rates = rates_of([record_of(spec, s) for s in (1.0, 5.0, 1000.0)], "cpu")
    assert trial_core_seconds(spec, 1, rates) == pytest.approx(5.0 * 2)


def test_a_model_without_records_is_scaled_like_the_others(small, spec):
    rates = rates_of([record_of(spec, 100.0)], "cpu")
    other = next(trial for trial in trials_of(small) if trial.model != spec.model)
    factor = 200.0 / epoch_core_seconds(spec, "cpu", LEVEL)
    expected = factor * epoch_core_seconds(other, "cpu", LEVEL)
    assert trial_core_seconds(other, 1, rates) == pytest.approx(expected)


def test_a_model_without_records_is_as_fast_as_the_one_nearest_in_size(small):
    far, near, asked = (
        trials_of(small | {"models": [name]})[0] for name in ("resnet110", "resnet32", "resnet44")
    )
    rates = rates_of([record_of(far, 1000.0), record_of(near, 100.0)])
    factor = 200.0 / epoch_core_seconds(near, "cpu", LEVEL)

    expected = factor * epoch_core_seconds(asked, "cpu", LEVEL)
    assert trial_core_seconds(asked, 1, rates) == pytest.approx(expected)


@pytest.mark.parametrize(
    "changes",
    [
        {"run": {"device": "cuda"}},
        {"provenance": {"processor": "another one", "instructions": LEVEL}},
        {"provenance": {"processor": HERE, "instructions": "avx512 bf16"}},
        {"epochs_done": 0},
        {"spec": {}},
        {"spec": {"of": "a later version"}},
    ],
)
def test_records_that_say_nothing_about_this_device_are_passed_over(spec, changes):
    assert not rates_of([record_of(spec, 100.0, **changes)], "cpu").is_measured


@pytest.mark.parametrize("field", ["model", "dataset"])
def test_records_of_names_that_are_not_known_are_passed_over(spec, field):
    foreign = spec.model_copy(update={field: "unheard-of"})
    assert not rates_of([record_of(foreign, 100.0)], "cpu").is_measured


def test_a_gpu_counts_by_the_share_that_a_trial_had_of_it(spec):
    run = {"device": "cuda", "threads": 4, "gpu_share": 0.25, "device_name": "A"}
    record = record_of(spec, 8.0, run=run, provenance={"processor": "of any host"})
    hardware = {"processor": HERE, "instructions": LEVEL}
    rates = measured_rates([record], "cuda", **hardware, gpu="A")
    assert trial_core_seconds(spec, 1, rates) == pytest.approx(2.0)
    assert not measured_rates([record], "cuda", **hardware, gpu="B").is_measured


def test_every_rank_of_a_trial_counts(spec):
    run = {"device": "cpu", "threads": 2, "ranks": 3}
    rates = rates_of([record_of(spec, 10.0, run=run)])
    assert trial_core_seconds(spec, 1, rates) == pytest.approx(10.0 * 2 * 3)


def test_records_that_tell_no_level_count_only_where_none_of_this_level_is_there(spec):
    older = record_of(spec, 10.0, provenance={"processor": HERE})
    rates = rates_of([older])
    assert trial_core_seconds(spec, 1, rates) == pytest.approx(10.0 * 2)
    rates = rates_of([older, record_of(spec, 50.0)])
    assert trial_core_seconds(spec, 1, rates) == pytest.approx(50.0 * 2)


@pytest.mark.parametrize("level", [name for name, _ in INSTRUCTIONS] + ["unknown"])
def test_without_records_an_epoch_costs_what_was_measured_at_the_level(level):
    spec = SPEC.model_copy(update={"model": "resnet20", "dataset": "cifar10"})
    seconds = trial_core_seconds(spec, 1, rates_of([], instructions=level))
    # 45,000 images to train, 15,000 to evaluate: 133 ms on two cores, 0.78 s on one, 128 images.
    step = 2 * 0.133 if "bf16" in level and "neon" not in level else 0.78
    assert seconds == pytest.approx(step * (45_000 + 15_000 / 3) / 128, rel=0.03)
