"""The alarm of a trial that learned nothing, read off errors and the number of classes."""

import pytest

from tests.record_builders import write_trial
from ttq_bench.analysis.chance import alarms_of, chance_alarm, in_words
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.schema import Alarm
from ttq_bench.records.store import read_records


def record(root, errors, dataset="cifar10", **options):
    write_trial(root, "some-trial", seed=0, errors=errors, dataset=dataset, **options)
    (found,) = read_records(ResultsPaths(root))
    return found


@pytest.mark.parametrize(
    ("dataset", "errors", "is_chance"),
    [
        ("cifar10", (60.0, 90.0), True),
        ("cifar10", (60.0, 88.6), True),
        ("cifar10", (95.0, 87.0), False),
        ("cifar10", (88.0, 45.0), False),
        ("mnist-png", (88.65, 88.65), True),  # always a one, the most frequent digit
        ("svhn", (80.41, 80.41), True),  # likewise, a fifth of its images
        ("svhn", (80.41, 80.3), False),
        ("svhn", (0.0, 0.0), False),
        ("cifar100", (99.5, 98.9), True),
        ("cifar100", (99.5, 97.0), False),
        ("unheard-of", (90.0, 90.0), False),
    ],
)
def test_a_trial_that_guesses_or_gives_one_answer_is_an_alarm(tmp_path, dataset, errors, is_chance):
    found = chance_alarm(record(tmp_path, errors, dataset))

    assert bool(found) == is_chance


def test_a_diverged_trial_has_an_outcome_of_its_own(tmp_path):
    assert chance_alarm(record(tmp_path, (), outcome="diverged")) == ()


def test_the_alarm_stands_behind_those_of_the_record_and_reads_as_a_sentence(tmp_path):
    own = Alarm(what="scale that is not positive", layer="conv2", epoch=1)
    found = alarms_of(record(tmp_path, (80.0, 90.0), alarms=(own,)))

    assert [in_words(alarm) for alarm in found] == [
        "scale that is not positive in conv2 from epoch 1 on",
        "ended at chance level: a test error of 90.00 %, guessing has 90.00 %",
    ]


@pytest.mark.parametrize(("classes", "error", "is_chance"), [(2, 49.0, True), (2, 45.0, False)])
def test_images_that_no_table_knows_say_their_own_number_of_classes(
    tmp_path, classes, error, is_chance
):
    found = record(tmp_path, (60.0, error), "folder-mine")
    spec = {**found.spec, "images": {"classes": classes}}

    assert bool(chance_alarm(found.model_copy(update={"spec": spec}))) == is_chance
