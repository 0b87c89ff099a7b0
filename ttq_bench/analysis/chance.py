"""Whether a finished trial learned anything: an alarm from its errors, which no record stores."""

from ttq_bench.data.catalog import DATASETS, catalog_name
from ttq_bench.errors import TtqBenchError
from ttq_bench.records.schema import Alarm, TrialRecord

CHANCE = "ended at chance level"
# An accuracy is at chance level up to this share, and so many points, above one in the number of
# classes: a network that always gives one answer is right on 11.35 % of MNIST's test images, and
# guessing on 10 %.
SHARE = 0.2
MOST_POINTS = 2.0
SAME = 1e-9  # percent


def alarms_of(record: TrialRecord) -> tuple[Alarm, ...]:
    """Return the alarms of a record, with one more if the trial ended at chance level."""
    return (*record.alarms, *chance_alarm(record))


def chance_alarm(record: TrialRecord) -> tuple[Alarm, ...]:
    """Return the alarm of a trial that only guesses or always gives one answer; else none.

    Its test error is near that of guessing, or it is the same after each of the last epochs and
    above half of that of guessing. No alarm where the number of classes is unknown.
    """
    classes = _classes(record)
    if record.errors is None or classes is None:
        return ()
    error, guessing = record.errors.final_percent, 100 - 100 / classes
    spread = min(SHARE * 100 / classes, MOST_POINTS)
    others = (record.errors.minimum_over_test_percent, record.errors.moving_average_percent)
    is_stuck = record.epochs_done > 1 and all(abs(error - other) < SAME for other in others)
    is_near = error >= guessing - spread
    if not is_near and not (is_stuck and error > guessing / 2):
        return ()
    how = "a test error of" if is_near else "the same test error after each of the last epochs,"
    what = f"{CHANCE}: {how} {error:.2f} %, guessing has {guessing:.2f} %"
    return (Alarm(what=what, layer=None, epoch=record.epochs_done),)


def _classes(record: TrialRecord) -> int | None:
    images = record.spec.get("images")
    if isinstance(images, dict) and isinstance(images.get("classes"), int):
        return int(images["classes"]) or None
    try:
        return DATASETS[catalog_name(str(record.spec["dataset"]))].classes
    except TtqBenchError:
        return None


def kind(alarm: Alarm) -> str:
    """Return what went wrong, without layer, epoch and numbers, to count equal alarms."""
    return CHANCE if alarm.what.startswith(CHANCE) else alarm.what.partition(":")[0]


def in_words(alarm: Alarm) -> str:
    """Return an alarm with its layer and its first epoch."""
    if alarm.what.startswith(CHANCE):
        return alarm.what
    layer = f" in {alarm.layer}" if alarm.layer else ""
    return f"{alarm.what}{layer} from epoch {alarm.epoch} on"
