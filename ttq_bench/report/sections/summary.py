"""``summary.md``: the question, the answer, the claims; then each experiment; then every record."""

from collections.abc import Iterator
from pathlib import Path

from ttq_bench.analysis.asymmetry import NetworkAsymmetry
from ttq_bench.analysis.chance import CHANCE
from ttq_bench.analysis.tables import Tables
from ttq_bench.records.other_versions import left_out_sentences, origin, state_of
from ttq_bench.records.plans import PlannedSuite
from ttq_bench.report.contents import Contents
from ttq_bench.report.figures.shown_arms import is_usual
from ttq_bench.report.figures.style import SavedFigure
from ttq_bench.report.naming import heading
from ttq_bench.report.sections.answer import answer
from ttq_bench.report.sections.claims_table import claims_table, other_evidence, records_behind
from ttq_bench.report.sections.deviations import deviations_section
from ttq_bench.report.sections.experiments import experiment_lines
from ttq_bench.report.sections.findings import PINNED
from ttq_bench.report.sections.how_to_read import HOW_TO_READ
from ttq_bench.report.sections.margins import margins_section
from ttq_bench.report.sections.markdown import escape, plain, table, with_interval
from ttq_bench.report.sections.provenance import caveats, provenance, what_was_run
from ttq_bench.report.sections.selfchecks import self_checks
from ttq_bench.text import duration

LAYERS_ELSEWHERE = (
    "Controls and other strengths of a delta strategy: [asymmetry.csv](tables/asymmetry.csv)."
)


def summary_page(path: Path, contents: Contents, figures: list[SavedFigure]) -> str:
    """Return the page that goes to ``path``; its links are relative to its folder."""
    tables, planned = contents.tables, contents.planned
    lines = ["# Trained Ternary Quantization: what the records say", ""]
    if tables.trials.empty:
        lines += ["There are no finished trials here yet.", "", *_left_out(tables)]
        return "\n".join([*lines, *_problems(tables, planned)])
    lines += answer(contents)
    lines += _at_chance(tables)
    lines += [f"**Read with this in mind.** {' '.join(caveats(tables.trials))}", ""]
    lines += _left_out(tables)
    lines += claims_table(contents.ledger, tables)
    lines += [line for f in figures if f.path.stem == "claims" for line in _figure(f, path.parent)]
    lines += what_was_run(contents)
    lines += _counts(tables, planned)
    lines += experiment_lines(contents, figures, lambda figure: _figure(figure, path.parent))
    lines += other_evidence(contents.evidence, contents.ledger)
    lines += _problems(tables, planned)
    lines += margins_section(contents.evidence, tables)
    lines += deviations_section()
    lines += [HOW_TO_READ]
    lines += self_checks(tables)
    lines += ["## Scales by layer", "", LAYERS_ELSEWHERE, ""]
    for network in contents.asymmetries:
        if is_usual(network.arm) and network.arm.arm not in PINNED:
            lines += _layer_table(tables, network)
    lines += records_behind(contents.ledger)
    lines += provenance(tables.recorded)
    return "\n".join(lines)


def _at_chance(tables: Tables) -> list[str]:
    """Return a line on trials that learned nothing: their numbers say nothing of their methods."""
    found = tables.trials[tables.trials["alarms"].str.contains(CHANCE, regex=False)]
    if found.empty:
        return []
    arms = ", ".join(sorted({f"{row.model} {row.arm}" for row in found.itertuples()}))
    return [
        f"**Alarm.** {len(found)} of {len(tables.trials)} trials ended at chance level"
        f" ({plain(arms)}); they are listed under *Trials that need a look*.",
        "",
    ]


def _counts(tables: Tables, planned: list[PlannedSuite]) -> list[str]:
    trials = tables.recorded
    diverged = int((trials["outcome"] == "diverged").sum())
    missing = len(_missing(tables, planned))
    return [
        f"{len(trials) - diverged} trials finished, {diverged} diverged,"
        f" {len(tables.failures)} failed, {missing} missing;"
        f" {duration(float(trials['training_seconds'].sum()))} of training in all.",
        "",
    ]


def _left_out(tables: Tables) -> list[str]:
    sentences = " ".join(left_out_sentences(tables.left_out))
    return [f"**Left out.** {sentences}", ""] if sentences else []


def _missing(tables: Tables, planned: list[PlannedSuite]) -> list[str]:
    there = tables.trial_ids() | {str(f["trial_id"]) for f in tables.failures}
    there = there.union(*tables.left_out.values())
    # Profiles of one suite share trials: each is missing once.
    expected = dict.fromkeys(name for plan in planned for name in plan.trial_ids)
    return [name for name in expected if name not in there]


def _problems(tables: Tables, planned: list[PlannedSuite]) -> Iterator[str]:
    rows = [
        (
            str(trial["trial_id"]),
            "; alarm: ".join(filter(None, (trial["outcome"], trial["alarms"]))),
        )
        for trial in tables.recorded.to_dict("records")
        if trial["outcome"] == "diverged" or trial["alarms"]
    ]
    rows += [
        (str(trial["trial_id"]), f"stands apart: its parent {trial['parent']} has no record here")
        for trial in tables.recorded.to_dict("records")
        if trial["budget_epochs"].startswith("?")
    ]
    rows += [(str(f["trial_id"]), f"failed: {f['reason']}") for f in tables.failures]
    rows += [
        (name, f"{state_of(version)}: {origin(version)}")
        for version, names in tables.left_out.items()
        for name in names
    ]
    rows += [(name, "missing: planned, not run yet") for name in _missing(tables, planned)]
    if rows:
        yield "## Trials that need a look"
        yield ""
        yield from table(["trial", "what"], [tuple(map(plain, row)) for row in rows])


def _layer_table(tables: Tables, network: NetworkAsymmetry) -> Iterator[str]:
    yield f"### {heading(network.arm)}"
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
                f"{layer.signs.agreeing} of {layer.signs.n}",
                with_interval(layer.counts, signed=True),
                f"{layer.noise.between:.3f} / {layer.noise.within:.3f}",
                ", ".join(word for word in answers if getattr(layer, word)) or "undecided",
            ]
        )
    header = [
        "layer", "feeds BN", "W_p", "W_n", "ρ", "size of ρ", "+ / 0 / − %", "same sign",
        "r to ln(n₊/n₋)", "noise", "ρ is",
    ]  # fmt: skip
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
