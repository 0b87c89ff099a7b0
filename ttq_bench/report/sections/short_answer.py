"""The question and at most five short answers to it, as the summary begins."""

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ttq_bench.analysis.comparison import ERROR
from ttq_bench.analysis.gains import TTQ, over
from ttq_bench.analysis.judges import FEWEST_JUDGED, Verdict
from ttq_bench.analysis.ledger import LedgerRow
from ttq_bench.analysis.margins import CLOSE, MARGIN, ONE_SCALE, is_exploratory
from ttq_bench.analysis.measured import OWN_RATES, Network
from ttq_bench.report.contents import Contents
from ttq_bench.report.sections.direction import directions, turning_shares
from ttq_bench.report.sections.markdown import as_factor, capital, with_interval
from ttq_bench.report.sections.settings import (
    Settings,
    decided_parts,
    evidence_words,
    rows_on,
    settings_of,
    short_names,
    usual,
)
from ttq_bench.report.sections.verdicts import DECIDED, LATE, NOT_AFTER, PROXY

QUESTION = (
    "Trained Ternary Quantization gives each weight of a layer one of three values: +W_p, 0 or"
    " −W_n. The positive and the negative scale, W_p and W_n, are learned. **Do the two scales"
    " really become different, and does it matter?**"
)
WORDS = (
    "Words: a *setting* is a network, its images and a schedule of training (its protocol); *n*"
    " counts seeds; brackets are 95 % intervals over seeds; a *point* is one percent of the test"
    f" images; † marks what holds alone, {NOT_AFTER}; ‡ marks a verdict when"
    f" {LATE}; *{PROXY}* comes from other images or another schedule than the"
    " paper's. TTQ's threshold is 0.05 of a layer's largest weight, unless a sentence says"
    " otherwise."
)
Tell = Callable[[LedgerRow], str]
Words = Mapping[Verdict, str]
YES_OR_NO: Words = {"supported": "*yes*", "contradicted": "*no*", "undecided": "*undecided*"}


@dataclass(frozen=True, slots=True)
class Answers:
    """What the answers are made from; each is empty where no record tells."""

    contents: Contents
    settings: Settings
    names: Mapping[Network, str]

    def different(self) -> str:
        """Return whether training makes the two scales different."""
        if not rows_on(self.settings, "A1 different"):
            return ""
        return (
            "**Do the two scales become different?** Training moves them more than a factor of"
            f" {math.exp(MARGIN):.3f} apart (mean over layers, without the noise between seeds, so"
            f" that an estimate may be below 1): {self._on('A1 different', self._times)}. At the"
            f" end they are less than a factor of {math.exp(CLOSE):.3f} apart (that noise"
            f" included): {self._on('B1 close', self._times)}.{self._unequal_starts()}"
        )

    def _unequal_starts(self) -> str:
        return "".join(
            f" In {self.names[where]} they start unequal, by a factor of"
            f" {math.exp(ours.start):.3f} on average: the first number tells what training"
            " adds to that, the second what stands at the end."
            for where in self.settings
            if (ours := usual(self.contents.asymmetries, where)) and ours.start > 0
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
            "**Which is larger?** On average over layers, at the end:"
            f" {self._on('A1 direction', self._times, words)}.{authors}{self._turns()}"
        )

    def _turns(self) -> str:
        texts = []
        for where in self.settings:
            found = directions(self.contents.tables, where)
            if shares := turning_shares(found):
                began = self._began({trial for one in found for trial in one.rho.trials})
                late = " ‡" * is_exploratory("A1 direction", where.protocol, began)
                texts.append(
                    f" With more zeros it turns: in {self.names[where]} the positive one is larger"
                    f" up to {shares[0]:.0f} % of zeros, the negative one from {shares[1]:.0f} % on"
                    f" (each share by itself, of at least {FEWEST_JUDGED} seeds, without"
                    f" correction{late})."
                )
        return "".join(texts)

    def _began(self, trials: Collection[str]) -> "pd.Series[Any]":
        rows = self.contents.tables.trials
        return rows.loc[rows["trial_id"].isin(trials), "started"]

    def one_scale(self) -> str:
        """Return whether a network with one scale for both signs is as good as one with two."""
        if not rows_on(self.settings, "B1 no value"):
            return ""
        worse = [
            f"{self.names[where]}{self._marks(row)}"
            for where, rows in self.settings.items()
            if (row := rows.get("A1 capacity")) and row.says == "supported"
        ]
        return (
            "**Does one scale do as well?** A network trained with one scale for both signs is as"
            f" good as one with two, within {ONE_SCALE:g} points of test error:"
            f" {self._on('B1 no value', self._points_and_level)}. Where this was measured, it was"
            f" shown to be worse in {', '.join(worse) or 'none'}.{self._without_scales()}"
        )

    def _without_scales(self) -> str:
        """Return what weights of 1, 0 and -1 cost, where they were trained."""
        costs = []
        for where, name in self.names.items():
            if measured := over(("ternary-plain", TTQ[1]))(self.contents.tables, where):
                cost = measured.estimate
                points = with_interval(cost, signed=True)
                rates = "" if OWN_RATES in measured.meets else ", at one learning rate for both"
                costs.append(f"{points} points in {name} (n = {cost.n}{rates})")
        return (
            f" No scale at all (weights of 1, 0, -1; not judged) costs {', '.join(costs)}."
            * bool(costs)
        )

    def equal(self) -> str:
        """Return what equal scales cost a network that was trained with two."""
        if not rows_on(self.settings, "Q1"):
            return ""
        return (
            "**Equal after training?** Equal scales, forced on a network that was trained with two,"
            f" raise its error: {self._on('Q1', self._points)}.{self._reconciled()}"
            f" {self._others()}{self._healed()}"
        )

    def _reconciled(self) -> str:
        """Return how equal scales can hurt and one do as well, where one setting shows both."""
        for where, rows in self.settings.items():
            forced, one, worse = (rows.get(label) for label in ("Q1", "B1 no value", "A1 capacity"))
            hurts = forced is not None and forced.says == "supported"
            if not hurts or one is None or one.value is None or one.value.n < FEWEST_JUDGED:
                continue
            if worse is None or worse.says != "supported":
                return (
                    f" Yet one scale from the start costs at most {one.value.high:+.2f} points in"
                    f" {self.names[where]} (the end of its interval): so a network may be"
                    " tuned to the two scales that it was trained with, without having needed them."
                )
        return ""

    def _others(self) -> str:
        if not rows_on(self.settings, "Q1 excess"):
            return "What other changes of the same size cost was not measured."
        return (
            "Equal scales cost more than other changes of the same size:"
            f" {self._on('Q1 excess', self._points)}."
        )

    def _healed(self) -> str:
        if not rows_on(self.settings, "Q1 healing"):
            return ""
        return (
            " They still cost something after one more epoch of training:"
            f" {self._on('Q1 healing', self._points)}."
        )

    def evidence(self) -> str:
        """Return whether the settings are those of the paper, and what stands of its claims."""
        labels = ("A1 different", "B1 no value", "Q1")
        asked = [row for label in labels for row in rows_on(self.settings, label)]
        if not asked:
            return ""
        parts = decided_parts(self.contents.ledger)
        return f"**The paper?** {capital(evidence_words(asked))}. {parts}."

    def _on(self, label: str, tell: Tell, words: Words = YES_OR_NO) -> str:
        """Return a claim's verdicts: ``*yes* in A (1.1), B (1.2); not measured in C``.

        ``tell`` gives the number of a row; ``words`` those for each verdict, in this order.
        """
        rows = {where: rows[label] for where, rows in self.settings.items() if label in rows}
        parts = []
        for verdict, word in words.items():
            said = [where for where, row in rows.items() if row.says == verdict]
            if said:
                named = ", ".join(f"{self.names[where]} ({tell(rows[where])})" for where in said)
                parts.append(f"{word} in {named}")
        left = [name for where, name in self.names.items() if _not_measured(rows.get(where))]
        return "; ".join([*parts, f"not measured in {', '.join(left)}"] if left else parts)

    def _points_and_level(self, row: LedgerRow) -> str:
        """Return a difference and the mean error of both arms, which tells how much it is."""
        assert row.measured is not None, "a setting has measurements"
        trials = self.contents.tables.finished.set_index("trial_id")
        level = trials.loc[list(row.measured.trials), ERROR].mean()
        return f"{self._points(row)}, at a mean error of both of {level:.2f} %"

    def _times(self, row: LedgerRow) -> str:
        return f"{ratio(row)}{self._seeds(row)}"

    def _points(self, row: LedgerRow) -> str:
        return f"{with_interval(row.value, signed=True)} points{self._seeds(row)}"

    def _seeds(self, row: LedgerRow) -> str:
        return f", n = {row.value.n if row.value else 0}{self._marks(row)}"

    def _marks(self, row: LedgerRow) -> str:
        if row.says not in DECIDED:
            return ""
        marks = "†" * (not row.holds) + "‡" * row.exploratory
        return f" {marks}" * bool(marks)

    def setting_names(self) -> str:
        """Return what the short names of settings stand for."""
        named = [
            f"{name} {where.model} on {where.dataset}{self._epochs(where)}"
            for where, name in self.names.items()
            if "`" in name
        ]
        return f"Settings: {'; '.join(named)}." if named else ""

    def _epochs(self, where: Network) -> str:
        arms = [arm for arm in self.contents.tables.arms() if arm.arm == TTQ[0]]
        budgets = {a.epochs for a in arms if Network(a.dataset, a.protocol, a.model) == where}
        return f", {' or '.join(sorted(budgets))} epochs" * bool(budgets)


def answers_of(contents: Contents) -> Answers:
    """Return the answers, setting by setting."""
    settings = settings_of(contents.evidence)
    return Answers(contents, settings, short_names(settings))


def short_answer(contents: Contents) -> list[str]:
    """Return the words that the answers use, the settings, and the answers, numbered."""
    told = answers_of(contents)
    evidence = told.evidence()
    if not evidence:
        return []
    texts = [told.different(), told.larger(), told.one_scale(), told.equal(), evidence]
    numbered = [f"{i}. {text}" for i, text in enumerate(filter(None, texts), start=1)]
    return [f"{WORDS} {told.setting_names()}", "", "## Answer", "", *numbered, ""]


def ratio(row: LedgerRow) -> str:
    """Return how many times as large as the other one scale is, from the mean of its logarithm."""
    if row.value is None or math.isnan(row.value.mean):
        return "undefined"
    return f"{as_factor(row.value, digits=3)} times"


def _not_measured(row: LedgerRow | None) -> bool:
    return row is None or row.says == "not run"


def _sign(rho: float) -> str:
    return "positive" if rho > 0 else "negative"
