"""``summary.md``: verdicts first, then tables, figures, and how everything was run."""

import math
from collections.abc import Hashable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from ttq_bench.analysis.asymmetry import MARGIN, NetworkAsymmetry
from ttq_bench.analysis.comparison import ArmResult
from ttq_bench.analysis.tables import Tables
from ttq_bench.data.catalog import describe_dataset
from ttq_bench.records.plans import PlannedSuite
from ttq_bench.records.schema import MOVING_AVERAGE_EPOCHS
from ttq_bench.report.findings import asymmetry_sentence, cost_sentence, error_table
from ttq_bench.report.markdown import escape, table, with_interval
from ttq_bench.report.naming import arm_label, heading
from ttq_bench.report.selfchecks import self_checks
from ttq_bench.report.style import SavedFigure
from ttq_bench.text import duration

HOW_TO_READ = f"""\
## How to read this

- Intervals are Student's t over seeds, 95 %. *Minus its start* and *minus same budget* are paired:
  each network against the very full-precision weights it was fine-tuned from, as they were, and
  after the same further training without quantization. *Epochs* are those of full precision + those
  of fine-tuning.
- Errors are those of the last epoch: nothing was chosen on test images. Other readings (best
  validation epoch, moving average, minimum over test) are in [accuracy.csv](tables/accuracy.csv).
- Where a layer feeds batch normalisation (BN), only the ratio of the two scales has an effect, so
  asymmetry is read off ρ = ln(W_p/W_n), never off |W_p - W_n|; ρ = 0.05 is a ratio of 1.05.
- A layer is *different* when its mean |ρ| over seeds is above {MARGIN:g}, *equal* when it is below,
  *systematic* when the sign of ρ agrees between seeds beyond chance: t tests, each corrected for
  the number of layers (Holm). The verdict on a network goes by the majority of its layers.
"""


def summary_page(
    path: Path,
    tables: Tables,
    *,
    planned: list[PlannedSuite],
    results: list[ArmResult],
    networks: list[NetworkAsymmetry],
    figures: list[SavedFigure],
) -> str:
    """Return the page that goes to ``path``; its links are relative to its folder."""
    lines = ["# Trained Ternary Quantization: what the records say", ""]
    if tables.trials.empty:
        lines += ["There are no finished trials here yet.", ""]
        return "\n".join([*lines, *_problems(tables, planned)])
    lines += _counts(tables, planned)
    for key, group in groupby(results, key=lambda r: (r.arm.dataset, r.arm.protocol)):
        mine = [n for n in networks if (n.arm.dataset, n.arm.protocol) == key]
        lines += _first_screen(tables, list(group), mine)
    lines += _problems(tables, planned)
    lines += [HOW_TO_READ]
    for network in networks:
        lines += _layer_table(tables, network)
    lines += self_checks(tables)
    lines += ["## Figures", ""]
    for figure in figures:
        lines += _figure(figure, path.parent)
    lines += _provenance(tables)
    return "\n".join(lines)


def _counts(tables: Tables, planned: list[PlannedSuite]) -> list[str]:
    trials = tables.trials
    diverged = int((trials["outcome"] == "diverged").sum())
    missing = len(_missing(tables, planned))
    return [
        f"{len(trials) - diverged} trials finished, {diverged} diverged,"
        f" {len(tables.failures)} failed, {missing} missing;"
        f" {duration(float(trials['training_seconds'].sum()))} of training in all.",
        "",
    ]


def _missing(tables: Tables, planned: list[PlannedSuite]) -> list[str]:
    there = tables.trial_ids() | {str(f["trial_id"]) for f in tables.failures}
    # Profiles of one suite share trials: each is missing once.
    expected = dict.fromkeys(name for plan in planned for name in plan.trial_ids)
    return [name for name in expected if name not in there]


def _first_screen(
    tables: Tables, results: list[ArmResult], networks: list[NetworkAsymmetry]
) -> Iterator[str]:
    dataset, protocol = results[0].arm.dataset, results[0].arm.protocol
    held_out = tables.trials.loc[tables.trials["dataset"] == dataset, "validation_count"].max()
    yield f"## {dataset}, protocol {protocol}"
    yield ""
    yield (
        f"**Data: {dataset}** — {describe_dataset(dataset)}. {held_out:,} training images are held"
        " out for validation and not trained on."
    )
    yield ""
    quantized = [result for result in results if result.arm.is_quantized]
    if networks:
        yield "**Do W_p and W_n become different?**"
        yield ""
        yield from map(asymmetry_sentence, networks)
        yield ""
    if any(result.error.n for result in quantized):
        yield "**What do quantized weights cost?**"
        yield ""
        yield from map(cost_sentence, quantized)
    else:
        yield "No quantized network is finished yet, so there is no verdict."
    yield ""
    yield "Test error at the last epoch, mean over n seeds with its 95 % interval:"
    yield ""
    yield from error_table(results)
    yield from _training(tables, results)


def _training(tables: Tables, results: list[ArmResult]) -> Iterator[str]:
    yield "**How was it trained?**"
    yield ""
    for result in results:
        arm = result.arm
        for words in sorted(set(tables.trials_of(arm)["training"])):
            yield f"- {arm.model}, {arm_label(arm.arm, arm.strategy)}: {words}"
    yield ""


def _problems(tables: Tables, planned: list[PlannedSuite]) -> Iterator[str]:
    rows = [
        (
            str(trial["trial_id"]),
            "; alarm: ".join(filter(None, (trial["outcome"], trial["alarms"]))),
        )
        for trial in tables.trials.to_dict("records")
        if trial["outcome"] == "diverged" or trial["alarms"]
    ]
    rows += [
        (str(trial["trial_id"]), f"stands apart: its parent {trial['parent']} has no record here")
        for trial in tables.trials.to_dict("records")
        if trial["budget_epochs"].startswith("?")
    ]
    rows += [(str(f["trial_id"]), f"failed: {f['reason']}") for f in tables.failures]
    rows += [(name, "missing: planned, not run yet") for name in _missing(tables, planned)]
    if rows:
        yield "## Trials that need a look"
        yield ""
        yield from table(["trial", "what"], rows)


def _layer_table(tables: Tables, network: NetworkAsymmetry) -> Iterator[str]:
    yield f"## Scales by layer: {heading(network.arm)}"
    yield ""
    means = tables.final_scales_of(network.arm).groupby("layer").mean(numeric_only=True)
    rows = []
    for layer in network.layers:
        mean = means.loc[layer.layer]
        shares = (mean["positive_share"], mean["zero_share"], mean["negative_share"])
        answers = ("different", "equal", "systematic")
        rows.append(
            [
                layer.layer,
                layer.feeds_batch_norm,
                f"{mean['positive_scale']:.3f}",
                f"{mean['negative_scale']:.3f}",
                with_interval(layer.rho, signed=True, digits=3),
                with_interval(layer.size, digits=3),
                " / ".join(f"{100 * share:.0f}" for share in shares),
                ", ".join(word for word in answers if getattr(layer, word)) or "undecided",
            ]
        )
    header = ["layer", "feeds BN", "W_p", "W_n", "ρ", "size of ρ", "+ / 0 / − %", "ρ is"]
    yield from table(header, rows)


def _figure(figure: SavedFigure, folder: Path) -> list[str]:
    link = figure.path.relative_to(folder).as_posix()
    vector = figure.path.with_suffix(".svg").relative_to(folder).as_posix()
    return [
        f"### {figure.title}",
        "",
        f"![{escape(figure.caption)}]({link})",
        "",
        f"{figure.caption} ([SVG]({vector}))",
        "",
    ]


def _provenance(tables: Tables) -> Iterator[str]:
    trials = tables.trials.sort_values(["dataset", "protocol", "model", "seed", "arm", "strategy"])
    yield "## Where each number comes from"
    yield ""
    for column in ("processor", "device", "torch", "commit", "backend", "threads"):
        values = sorted({str(value) for value in trials[column]})
        yield f"- {column}: {', '.join(values)}"
    yield ""
    rows = [
        [
            f"[{trial['trial_id']}](trials/{trial['trial_id']}/record.json)",
            _percent(trial["final_error_percent"]),
            _percent(trial["best_validation_error_percent"]),
            _moving_average(trial),
            duration(float(trial["training_seconds"])),
        ]
        for trial in trials.to_dict("records")
    ]
    header = ["trial", "final %", "at best validation %", "mean of last 20 epochs %", "training"]
    yield from table(header, rows)


def _percent(value: float | None) -> str:
    return "diverged" if value is None or math.isnan(value) else f"{value:.2f}"


def _moving_average(trial: dict[Hashable, Any]) -> str:
    """Return the smoothed error; a mean over fewer epochs would hold the first ones too."""
    whole = trial["moving_average_epochs"] == MOVING_AVERAGE_EPOCHS
    return _percent(trial["moving_average_error_percent"]) if whole else "–"
