"""The question, and its answer in at most five plain sentences, as the summary begins."""

import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from ttq_bench.analysis.comparison import ERROR
from ttq_bench.analysis.judges import FEWEST_JUDGED
from ttq_bench.analysis.ledger import LedgerRow
from ttq_bench.analysis.margins import CLOSE, MARGIN, ONE_SCALE
from ttq_bench.report.contents import Contents
from ttq_bench.report.sections.direction import directions, turning_shares
from ttq_bench.report.sections.markdown import capital, with_interval
from ttq_bench.report.sections.settings import (
    Settings,
    evidence_words,
    named_share,
    rows_on,
    settings_of,
    share,
    short_names,
    unasked,
)
from ttq_bench.report.sections.verdicts import DECIDED, NOT_AFTER, PROXY, brief, counted

QUESTION = (
    "Trained Ternary Quantization gives each weight of a layer one of three values: +W_p, 0 or"
    " −W_n. The positive and the negative scale, W_p and W_n, are learned. **Do the two scales"
    " really become different, and does it matter?**"
)
WORDS = (
    "Words: a *setting* is a network, its images and a schedule of training (its protocol); *n*"
    " counts seeds; brackets are 95 % intervals over seeds; a *point* is one percent of the test"
    f" images; † marks what holds alone, {NOT_AFTER}; *{PROXY}* comes from other images"
    " or another schedule than the paper's."
)
MOST_LOGARITHM = 99.0


@dataclass(frozen=True, slots=True)
class _Told:
    """What the sentences are made from, and how each of them names a row."""

    contents: Contents
    settings: Settings

    def rows(self, label: str) -> list[LedgerRow]:
        return rows_on(self.settings, label)

    def ratio(self, row: LedgerRow) -> str:
        return self._named(row, ratio(row))

    def points(self, row: LedgerRow) -> str:
        return self._named(row, f"{with_interval(row.value, signed=True)} points")

    def points_and_level(self, row: LedgerRow) -> str:
        """Name a difference and the mean error of both arms, which tells how much it is."""
        assert row.measured is not None, "a setting has measurements"
        trials = self.contents.tables.finished.set_index("trial_id")
        level = trials.loc[list(row.measured.trials), ERROR].mean()
        return f"{self.points(row)}, at a mean error of {level:.2f} %"

    def _named(self, row: LedgerRow, number: str) -> str:
        assert row.network is not None, "a setting has a network"
        n = row.value.n if row.value else 0
        name = short_names(self.settings).get(row.network, str(row.network))
        alone = " †" * (row.says in DECIDED and not row.holds)
        return f"{name}: {number}, n = {n}{alone}"


def short_answer(contents: Contents) -> list[str]:
    """Return the words that the sentences use, the settings, and the sentences, numbered.

    A sentence is left out that no record tells.
    """
    told = _Told(contents, settings_of(contents.evidence))
    asked = [row for label in ("A1 different", "B1 no value", "Q1") for row in told.rows(label)]
    if not asked:
        return []
    parts: tuple[Callable[[_Told], Iterator[str]], ...] = (_differ, _direction, _one_scale, _equal)
    sentences = [sentence for part in parts for sentence in part(told)]
    sentences.append(
        f"**The paper?** {capital(evidence_words(asked))}; {_decided(contents.ledger)}."
    )
    numbered = [f"{i}. {text}" for i, text in enumerate(sentences, start=1)]
    return [f"{WORDS} {_names(told.settings)}", "", "## Answer", "", *numbered, ""]


def _names(settings: Settings) -> str:
    """Return what the short names of settings stand for."""
    short = {where: name for where, name in short_names(settings).items() if "`" in name}
    named = [f"{name} {where.model} on {where.dataset}" for where, name in short.items()]
    return f"Settings: {'; '.join(named)}." if named else ""


def ratio(row: LedgerRow) -> str:
    """Return how many times as large as the other one scale is, from the mean of its logarithm."""
    value = row.value
    if value is None or math.isnan(value.mean):
        return "undefined"
    times = replace(value, mean=_exp(value.mean), low=_exp(value.low), high=_exp(value.high))
    return f"{with_interval(times)} times"


def _exp(logarithm: float) -> float:
    return math.inf if logarithm > MOST_LOGARITHM else math.exp(logarithm)


def _differ(told: _Told) -> Iterator[str]:
    if different := told.rows("A1 different"):
        close = named_share(told.rows("B1 close"), "supported", told.ratio)
        yield (
            "**Different?** On average over layers, and without the noise between seeds, training"
            f" makes the two scales differ by more than {MARGIN:.0%}"
            f" {named_share(different, 'supported', told.ratio)}{_open(different)}; with that noise"
            f" they stay within {CLOSE:.0%} of each other {close}."
        )


def _open(rows: list[LedgerRow]) -> str:
    """Return in how many settings a claim is undecided, empty where it is in none."""
    words = f", undecided {share(rows, 'undecided')}"
    return words if any(row.says == "undecided" for row in rows) else ""


def _direction(told: _Told) -> Iterator[str]:
    direction = told.rows("A1 direction")
    if not direction:
        return
    log = direction[0].log
    authors = (
        f"; in the authors' own log (one run, without shares of zeros) the {_sign(log.value)} one"
        " is larger" if log else ""
    )  # fmt: skip
    names = short_names(told.settings)
    turns = "".join(
        f"; with more zeros it turns ({names[where]}: the positive one is larger up to"
        f" {shares[0]:.0f} % of zeros, the negative one from {shares[1]:.0f} % on; each share by"
        " itself, without correction)"
        for where in told.settings
        if (shares := turning_shares(directions(told.contents.tables, where)))
    )
    yield (
        "**Which is larger?** On average over layers the positive scale is larger"
        f" {named_share(direction, 'contradicted', told.ratio)}, the negative one"
        f" {share(direction, 'supported')}{authors}{turns}."
    )


def _sign(rho: float) -> str:
    return "positive" if rho > 0 else "negative"


def _one_scale(told: _Told) -> Iterator[str]:
    as_good, worse = told.rows("B1 no value"), told.rows("A1 capacity")
    if not as_good:
        return
    good, is_open = (any(row.says == v for row in as_good) for v in ("supported", "undecided"))
    undecided = ""
    if good and is_open:
        undecided = f", undecided {named_share(as_good, 'undecided', told.points_and_level)}"
    yield (
        "**Does one scale do as well?** A network trained with one scale for both signs is as good"
        f" as one with two, within {ONE_SCALE:g} points of test error,"
        f" {named_share(as_good, 'supported', told.points_and_level)}{undecided}"
        f"{_unasked(told, 'B1 no value')}; it is shown to be worse {share(worse, 'supported')}."
    )


def _unasked(told: _Told, label: str) -> str:
    return unasked(told.settings, label, short_names(told.settings))


def _equal(told: _Told) -> Iterator[str]:
    if forced := told.rows("Q1"):
        yield (
            "**Equal after training?** Equal scales, forced on a network that was trained with two,"
            f" are shown to raise its error {named_share(forced, 'supported', told.points)}"
            f"{_unasked(told, 'Q1')}{_reconciled(told)}; {_others(told)}."
        )


def _reconciled(told: _Told) -> str:
    """Return how equal scales can hurt and one scale do as well, where one setting shows both."""
    for where, rows in told.settings.items():
        forced, one, worse = (rows.get(label) for label in ("Q1", "B1 no value", "A1 capacity"))
        hurts = forced is not None and forced.says == "supported"
        if not hurts or one is None or one.value is None or one.value.n < FEWEST_JUDGED:
            continue
        if worse is None or worse.says != "supported":
            return (
                f", though in {short_names(told.settings)[where]} the interval of what one scale"
                f" from the start costs ends at {one.value.high:+.2f} points: so a network may be"
                " tuned to the scales that it was trained with, without having needed two"
            )
    return ""


def _others(told: _Told) -> str:
    excess = [row for row in told.contents.evidence if row.claim.label == "Q1 excess"]
    if not excess:
        return "what other changes of the same size cost was not measured"
    return (
        "that they cost more than other changes of the same size is shown"
        f" {named_share(excess, 'supported', told.points)}"
    )


def _decided(ledger: list[LedgerRow]) -> str:
    """Return how many parts of the paper's claims have a verdict that is not of proxy evidence."""
    paper = [row for row in ledger if row.claim.source.startswith(("[P]", "[M]"))]
    decided = [row for row in paper if row.exact and row.says in DECIDED]
    if not decided:
        return f"all {len(paper)} parts of its claims are open"
    how = ", by counting bytes" if all(row.is_counted for row in decided) else ""
    words = counted(Counter(map(brief, decided)))
    return f"of the {len(paper)} parts of its claims {words}{how}; {len(paper) - len(decided)} open"
