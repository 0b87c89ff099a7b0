"""One attempt at a trial, in the process that a backend gives it: it returns how it ended."""

import traceback
from collections.abc import Callable

from ttq_bench.errors import TtqBenchError
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.store import write_failure
from ttq_bench.spec.trial import TrialSpec
from ttq_bench.text import without_credentials
from ttq_bench.trial.allocator import keep_freed_memory
from ttq_bench.trial.outcome import Ended, SupersededError, cause_of, in_words
from ttq_bench.trial.settings import RunSettings


def attempt(spec: TrialSpec, settings: RunSettings, interrupted: Callable[[], bool]) -> Ended:
    """Run the trial once; a failure is written to ``failure.json`` with its traceback.

    ``interrupted`` is asked about once a second and between epochs, beside the stop file of the
    results folder. A superseded attempt writes nothing: a newer one has the trial.
    """
    from ttq_bench.trial.run import run_trial  # torch: in the worker, not in the driver

    keep_freed_memory()
    results = ResultsPaths(settings.results)
    try:
        settings.folder().bring_stop()
        outcome = run_trial(spec, settings, lambda: interrupted() or results.stop_file.exists())
    except SupersededError as error:
        return Ended(spec.trial_id, "failed", str(error), "silence")
    except Exception as error:  # whatever a trial raises, the others go on
        expected = isinstance(error, TtqBenchError)
        trace = "" if expected else without_credentials(traceback.format_exc())
        reason = without_credentials(in_words(error))
        cause = cause_of(error)
        try:
            paths = results.trial(spec.trial_id)
            write_failure(paths, reason, trace, spec.resolved())
            settings.folder().post(paths.failure)
        except (OSError, TtqBenchError) as unwritable:
            reason += f" (and failure.json could not be written: {in_words(unwritable)})"
        return Ended(spec.trial_id, "failed", reason, cause)
    return Ended(spec.trial_id, outcome)
