"""The question and at most five short answers to it, as the summary begins."""

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from ttq_bench.analysis.comparison import ERROR
from ttq_bench.analysis.judges import FEWEST_JUDGED
from ttq_bench.analysis.ledger import LedgerRow
from ttq_bench.analysis.margins import CLOSE, MARGIN, ONE_SCALE
from ttq_bench.report.contents import Contents
from ttq_bench.report.sections.direction import directions, turning_shares
from ttq_bench.report.sections.markdown import as_factor, capital, with_interval
from ttq_bench.report.sections.settings import (
    YES_OR_NO,
    Settings,
    Words,
    answers,
    evidence_words,
    rows_on,
    settings_of,
    short_names,
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
Tell = Callable[[LedgerRow], str]


@dataclass(frozen=True, slots=True)
class Answers:
    """What the answers are made from; each is empty where no record tells."""

    contents: Contents
    settings: Settings

    def different(self) -> str:
        """Return whether training makes the two scales different."""
        if not rows_on(self.settings, "A1 different"):
            return ""
        return (
            f"**Do the two scales become different?** By more than {MARGIN:.0%} on average over"
            f" layers, the noise between seeds taken out: {self._on('A1 different', _times)}."
            f" By less than {CLOSE:.0%}, that noise left in: {self._on('B1 close', _times)}."
        )

    def larger(self) -> str:
        """Return which scale is larger, here and in the authors' log, and where this turns."""
        direction = rows_on(self.settings, "A1 direction")
        if not direction:
            return ""
        words: Words = {
            "contradicted": "the positive one", "supported": "the negative one",
            "undecided": "*undecided*",
        }  # fmt: skip
        log = direction[0].log
        authors = (
            " In the authors' own log (one run, without shares of zeros):"
            f" the {_sign(log.value)} one." if log else ""
        )  # fmt: skip
        return (
            "**Which is larger?** On average over layers:"
            f" {self._on('A1 direction', _times, words)}.{authors}{self._turns()}"
        )

    def _turns(self) -> str:
        names = short_names(self.settings)
        return "".join(
            f" With more zeros it turns: in {names[where]} the positive one is larger up to"
            f" {shares[0]:.0f} % of zeros, the negative one from {shares[1]:.0f} % on (each share"
            " by itself, without correction)."
            for where in self.settings
            if (shares := turning_shares(directions(self.contents.tables, where)))
        )

    def one_scale(self) -> str:
        """Return whether a network with one scale for both signs is as good as one with two."""
        if not rows_on(self.settings, "B1 no value"):
            return ""
        names = short_names(self.settings)
        capacity = rows_on(self.settings, "A1 capacity")
        worse = [names[r.network] for r in capacity if r.says == "supported" and r.network]
        return (
            "**Does one scale do as well?** A network trained with one scale for both signs is as"
            f" good as one with two, within {ONE_SCALE:g} points of test error:"
            f" {self._on('B1 no value', self._points_and_level)};"
            f" shown to be worse in {', '.join(worse) or 'none of them'}."
        )

    def equal(self) -> str:
        """Return what equal scales cost a network that was trained with two."""
        if not rows_on(self.settings, "Q1"):
            return ""
        return (
            "**Equal after training?** Equal scales, forced on a network that was trained with two,"
            f" raise its error: {self._on('Q1', _points)}.{_reconciled(self.settings)}"
            f" {self._others()}"
        )

    def _others(self) -> str:
        if not rows_on(self.settings, "Q1 excess"):
            return "What other changes of the same size cost was not measured."
        return (
            f"They cost more than other changes of the same size: {self._on('Q1 excess', _points)}."
        )

    def evidence(self) -> str:
        """Return whether the settings are those of the paper, and what stands of its claims."""
        labels = ("A1 different", "B1 no value", "Q1")
        asked = [row for label in labels for row in rows_on(self.settings, label)]
        if not asked:
            return ""
        return f"**The paper?** {capital(evidence_words(asked))}. {_decided(self.contents.ledger)}."

    def _on(self, label: str, tell: Tell, words: Words = YES_OR_NO) -> str:
        return answers(self.settings, label, tell, words)

    def _points_and_level(self, row: LedgerRow) -> str:
        """Return a difference and the mean error of both arms, which tells how much it is."""
        assert row.measured is not None, "a setting has measurements"
        trials = self.contents.tables.finished.set_index("trial_id")
        level = trials.loc[list(row.measured.trials), ERROR].mean()
        return f"{_points(row)}, at a mean error of {level:.2f} %"


def answers_of(contents: Contents) -> Answers:
    """Return the answers, setting by setting."""
    return Answers(contents, settings_of(contents.evidence))


def short_answer(contents: Contents) -> list[str]:
    """Return the words that the answers use, the settings, and the answers, numbered."""
    told = answers_of(contents)
    evidence = told.evidence()
    if not evidence:
        return []
    texts = [told.different(), told.larger(), told.one_scale(), told.equal(), evidence]
    numbered = [f"{i}. {text}" for i, text in enumerate(filter(None, texts), start=1)]
    return [f"{WORDS} {setting_names(told.settings)}", "", "## Answer", "", *numbered, ""]


def setting_names(settings: Settings) -> str:
    """Return what the short names of settings stand for."""
    short = {where: name for where, name in short_names(settings).items() if "`" in name}
    named = [f"{name} {where.model} on {where.dataset}" for where, name in short.items()]
    return f"Settings: {'; '.join(named)}." if named else ""


def ratio(row: LedgerRow) -> str:
    """Return how many times as large as the other one scale is, from the mean of its logarithm."""
    if row.value is None or math.isnan(row.value.mean):
        return "undefined"
    return f"{as_factor(row.value)} times"


def _times(row: LedgerRow) -> str:
    return f"{ratio(row)}{_seeds(row)}"


def _points(row: LedgerRow) -> str:
    return f"{with_interval(row.value, signed=True)} points{_seeds(row)}"


def _seeds(row: LedgerRow) -> str:
    alone = " †" * (row.says in DECIDED and not row.holds)
    return f", n = {row.value.n if row.value else 0}{alone}"


def _sign(rho: float) -> str:
    return "positive" if rho > 0 else "negative"


def _reconciled(settings: Settings) -> str:
    """Return how equal scales can hurt and one scale do as well, where one setting shows both."""
    for where, rows in settings.items():
        forced, one, worse = (rows.get(label) for label in ("Q1", "B1 no value", "A1 capacity"))
        hurts = forced is not None and forced.says == "supported"
        if not hurts or one is None or one.value is None or one.value.n < FEWEST_JUDGED:
            continue
        if worse is None or worse.says != "supported":
            return (
                " So a network may be tuned to the scales that it was trained with, without having"
                f" needed two: in {short_names(settings)[where]} the interval of what one scale"
                f" from the start costs ends at {one.value.high:+.2f} points."
            )
    return ""


def _decided(ledger: list[LedgerRow]) -> str:
    """Return how many parts of the paper's claims have a verdict that is not of proxy evidence."""
    paper = [row for row in ledger if row.claim.source.startswith(("[P]", "[M]"))]
    decided = [row for row in paper if row.exact and row.says in DECIDED]
    if not decided:
        return f"All {len(paper)} parts of its claims are open"
    how = ", by counting bytes" if all(row.is_counted for row in decided) else ""
    words = counted(Counter(map(brief, decided)))
    return f"Of the {len(paper)} parts of its claims {words}{how}; {len(paper) - len(decided)} open"
