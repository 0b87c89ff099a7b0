"""``ttq-bench plan``: what a run would do. Answers without Ray, pandas and, mostly, torch."""

import argparse
import warnings
from collections.abc import Iterable, Iterator

from ttq_bench.commands.at_url import in_step
from ttq_bench.commands.options import add_json_option, add_suite_options
from ttq_bench.commands.prepared import Prepared, prepare
from ttq_bench.data.catalog import is_streamed
from ttq_bench.data.identity import cache_folder, prepared_folder
from ttq_bench.data.passed_over import passed_over
from ttq_bench.data.sources import Source
from ttq_bench.errors import QuantizationWarning
from ttq_bench.models.catalog import MODELS
from ttq_bench.records.remote.store import Folder
from ttq_bench.records.reported_spec import ReportedRecipe
from ttq_bench.spec.trial import TrialSpec
from ttq_bench.suite.costs import Rates, feeding_cores, trial_core_seconds
from ttq_bench.suite.plan import Plan, PlannedTrial
from ttq_bench.suite.schema import Suite
from ttq_bench.ternary.methods import METHODS
from ttq_bench.text import counted, duration, json_text, shortest
from ttq_bench.training.recipe import Recipe

DESCRIPTION = """\
Show what `ttq-bench run` would do: the images, each trial with its state, the resources, and an
estimate of the time. Nothing is trained or written. The estimate comes from the records in the
results folder, where there are any."""
EXAMPLES = (
    "ttq-bench plan demo",
    "ttq-bench plan cifar --profile paper --json",
)
SECONDS_PER_HOUR = 3600.0


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what a run takes that decides what it would do, and ``--json``."""
    add_suite_options(parser)
    add_json_option(parser)


def run(options: argparse.Namespace) -> int:
    """Print the plan and return 0."""
    return in_step(_show, options)


def _show(options: argparse.Namespace, folder: Folder) -> int:
    prepared = prepare(options, folder, may_lack_images=not options.json)
    if options.json:
        print(json_text(_as_json(prepared)))
    else:
        print("\n".join(describe(prepared, folder.place)))
    return 0


def describe(prepared: Prepared, results: str) -> Iterable[str]:
    """Yield the lines of the plan: suite, images, recipes, trials, resources and time."""
    plan, suite = prepared.plan, prepared.suite
    profile = f", profile {prepared.profile}" if prepared.profile else ""
    yield f"{suite.title} (suite {suite.name}{profile}, protocol {suite.protocol})"
    for name, identity in prepared.identities.items():
        source = prepared.sources[name]
        where = "bundled" if source.kind == "bundled" else _place(source)
        still_to_do = "" if source.is_present else ", to be downloaded"
        in_memory = source.kind in ("parquet", "folders") and not is_streamed(name)
        if in_memory and not prepared_folder(identity, cache_folder()).exists():
            still_to_do = ", pixels not decoded yet"
        yield (
            f"images: {identity.name}, {identity.train_count:,} training and"
            f" {identity.test_count:,} test ({where}{still_to_do})"
        )
        if source.is_present:
            yield from (f"  {sentence}" for sentence in passed_over(source))
    yield from (f"training.{name}: {_recipe_in_words(recipe)}" for name, recipe in suite.training)
    for trial in plan.trials:
        spec = trial.spec
        arm = " ".join(_arm_in_words(spec, with_rate=bool(suite.learning_rates)))
        left = _epochs_to_go(trial) if trial.is_pending else ""
        reason = f"({trial.reason})" if trial.reason else ""
        yield f"  {trial.state:9}{spec.model}  seed {spec.seed}  {arm}  {left} {reason}".rstrip()
    if any(map(is_streamed, suite.datasets)):
        yield from gpu_hours(plan)
    total, pending = len(plan.trials), len(plan.pending)
    chosen = f" of the suite's {len(prepared.whole)}" if total < len(prepared.whole) else ""
    yield f"{total}{chosen} trials: {total - pending} done, {pending} to run; results in {results}"
    if pending:
        yield resources_line(prepared)
    else:
        yield "all is done; --results with another folder trains it anew"
    yield from size_warnings(suite)


def _recipe_in_words(recipe: Recipe) -> str:
    return ReportedRecipe.model_validate(recipe.model_dump(mode="json")).in_words()


def _epochs_to_go(trial: PlannedTrial) -> str:
    epochs = trial.spec.recipe.epochs
    left = "" if trial.epochs_left == epochs else f"{trial.epochs_left} of "
    return f"{left}{counted(epochs, 'epoch')} to go"


def _arm_in_words(spec: TrialSpec, *, with_rate: bool) -> Iterable[str]:
    """Yield what tells a trial from the others of its network and seed."""
    yield spec.arm
    if spec.strategy:
        yield spec.strategy
    if with_rate and spec.parent:
        yield f"rate {shortest(spec.recipe.learning_rate)}"
    if spec.repeat:
        yield f"repeat {spec.repeat}"


def _place(source: Source) -> str:
    return str(source.train[0].parent) if source.train else "not here, so the whole set is assumed"


def gpu_hours(plan: Plan) -> Iterable[str]:
    """Yield what each row of a table costs on a GPU, whatever device is here."""
    rates = plan.rates if plan.rates.device == "cuda" else Rates("cuda", {})
    rows: dict[tuple[str, str], list[TrialSpec]] = {}
    for trial in plan.trials:
        spec = trial.spec
        rows.setdefault((spec.model, f"{spec.arm} {spec.strategy}".strip()), []).append(spec)
    basis = (
        "the records in this folder"
        if rates.is_measured
        else "small networks on an H200: likely fewer"
    )
    yield f"GPU hours of whole trials, without their parents, by the rate of {basis}:"
    for (model, arm), specs in rows.items():
        cores = feeding_cores(specs[0])
        each = trial_core_seconds(specs[0], specs[0].recipe.epochs, rates) / SECONDS_PER_HOUR
        yield (
            f"  {model}  {arm}  {specs[0].recipe.epochs} epochs: {each:.1f} for a seed,"
            f" {each * len(specs):.1f} for all {len(specs)}; {cores:.0f} cores decode for it"
        )


def resources_line(prepared: Prepared) -> str:
    """Return what the run would use, and for how long."""
    shares, plan = prepared.shares, prepared.plan
    basis = "from records in this folder" if plan.rates.is_measured else "a rough guess"
    device = "GPU" if prepared.device == "cuda" else "CPU"
    estimate = duration(plan.seconds(shares.workers))
    ranks = f", {shares.ranks} ranks each" if shares.ranks > 1 else ""
    machine = f"{counted(prepared.machine.cores, 'core')}, {counted(prepared.machine.gpus, 'GPU')}"
    return (
        f"{device}: {shares.slots} trials side by side{ranks}, {shares.threads} threads each"
        f" ({machine} found);"
        f" about {estimate} ({basis})"
    )


def _as_json(prepared: Prepared) -> dict[str, object]:
    return {
        "suite": prepared.suite.name,
        "profile": prepared.profile,
        "protocol": prepared.suite.protocol,
        "device": prepared.device,
        "slots": prepared.shares.slots,
        "threads": prepared.shares.threads,
        "estimated_seconds": round(prepared.plan.seconds(prepared.shares.workers)),
        "estimate_from_records": prepared.plan.rates.is_measured,
        "warnings": list(size_warnings(prepared.suite)),
        "trials": prepared.plan.as_json(),
    }


def size_warnings(suite: Suite) -> Iterator[str]:
    """Yield a sentence for each model whose first quantized weights are too large to learn from.

    It names the methods. A model is built, which needs torch, only where its card says that batch
    normalisation is missing.
    """
    conversion = suite.conversion
    methods = [name for name in suite.methods if _starts_at_one(name, conversion.initial_scales)]
    for model in suite.models:
        if not methods or (MODELS[model].is_normalised and conversion.keep_last):
            continue
        from ttq_bench.models.build import build_model
        from ttq_bench.ternary.conversion import PAPER_STRATEGY, quantize_
        from ttq_bench.ternary.first_size import BEGINNING

        methods_of: dict[str, list[str]] = {}
        for method in methods:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always", QuantizationWarning)
                strategy = next(iter(suite.delta_strategies), PAPER_STRATEGY)
                built = build_model(model, classes=MODELS[model].classes, seed=0)
                quantize_(built, method, strategy, **conversion.model_dump())
            for warning in caught:
                sentence = str(warning.message).removeprefix("quantize_: ")
                if sentence.startswith(BEGINNING):
                    methods_of.setdefault(sentence, []).append(method)
        for sentence, names in methods_of.items():
            yield f"warning: {model}, {', '.join(names)}: {sentence}"


def _starts_at_one(method: str, initial_scales: str) -> bool:
    scales = METHODS[method].scales if METHODS[method].is_quantized else "unquantized"
    return scales == "ones" or (scales.startswith("learned") and initial_scales == "ones")
