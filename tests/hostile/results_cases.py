"""Results folders that attack whoever reports them, by name, and what ``ttq-bench report`` says."""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass

import pyarrow

from tests.hostile.impossible_numbers import IMPOSSIBLE
from tests.hostile.results_folders import (
    ALL,
    ESCAPES,
    MARKDOWN,
    SCRIPT,
    TRIAL,
    hole,
    long_name,
    many_rows,
    nested,
    pipe,
    renamed,
    set_column,
    with_link,
    with_probe,
    with_quantization,
    with_recipe,
    with_record,
    with_record_text,
    with_spec,
    with_table,
    with_text,
)


@dataclass(frozen=True)
class Case:
    """``code`` and ``said`` of ``ttq-bench report``; code 0: shown, but harmless."""

    harm: Callable
    code: int
    said: str = ""


def refused(harm, said):
    return Case(harm, 2, said)


def shown(harm):
    return Case(harm, 0)


NOT = "not a record"
LEADS_OUT = "is a link that leads out of the results folder"
PLAN = {"suite": "tiny", "profile": "", "title": "Tiny", "trial_ids": ["a"]}
CASES = {
    "a script as a dataset": refused(with_spec(dataset=SCRIPT), NOT),
    "a path as a dataset": refused(with_spec(dataset="../../outside"), NOT),
    "a link as a protocol": refused(with_spec(protocol=MARKDOWN), NOT),
    "escapes as a model": refused(with_spec(model=ESCAPES), NOT),
    "a formula of TeX as a model": refused(with_spec(model=r"$\frac{1}{0}$"), NOT),
    "a script as a method": refused(with_quantization(method=SCRIPT), NOT),
    "a script as a strategy": refused(
        with_quantization(strategy={"name": SCRIPT, "number": 1}), NOT
    ),
    "a list as a strategy": refused(with_quantization(strategy=[1]), NOT),
    "text as a number": refused(with_quantization(strategy={"name": "a", "number": "x"}), NOT),
    "a script as a layer that is kept": refused(
        with_quantization(conversion={"keep": [SCRIPT]}), NOT
    ),
    "a script in a recipe": refused(with_recipe(schedule=SCRIPT), NOT),
    "a script as another field": refused(with_recipe(unknown=[SCRIPT]), NOT),
    "no learning rate": refused(with_recipe(learning_rate=None), NOT),
    "no recipe": refused(with_spec(recipe=None), NOT),
    "no spec": shown(with_record(lambda r: r | {"spec": {}})),  # of an older version: left out
    "a seed of 30 digits": refused(with_spec(seed=10**30), NOT),
    "an older record whose recipe is a list": refused(
        with_spec(training_version=0, recipe=[]), NOT
    ),
    "an older method that is a word": refused(
        with_spec(training_version=0, quantization="ttq"), NOT
    ),
    "a probe of other weights": refused(
        with_probe(lambda p: p.update(as_trained_error_percent=1.0)), "its record's weights"
    ),
    "a version that is no number": refused(with_spec(training_version="<b>"), NOT),
    "a parent that leads out": refused(with_spec(parent="../../outside/secret.txt"), NOT),
    "seconds that are no number": refused(
        with_record(lambda r: r | {"training_seconds": float("nan")}), NOT
    ),
    "parameters without end": refused(with_record(lambda r: r | {"parameter_count": 10**30}), NOT),
    "a mapping as a device": refused(with_record(lambda r: r["run"].update(device_name={})), NOT),
    "a field too many": refused(with_record(lambda r: r | {"__class__": "os.system"}), NOT),
    "a table that leads out": refused(
        with_record(lambda r: r["table_sha256"].update({"../../../outside/secret.txt": "0" * 64})),
        "SHA256SUMS|unknown table",
    ),
    "a script as the layer of an alarm": refused(
        with_record(lambda r: r | {"alarms": [{"what": "x", "layer": SCRIPT, "epoch": 1}]}), NOT
    ),
    "no JSON": refused(with_record_text("import os"), NOT),
    "100,000 open lists": refused(with_record_text("[" * 100_000), NOT),
    "a trial id that leads out": refused(
        with_record(lambda r: r | {"trial_id": "../../x"}), "is the record of"
    ),
    "a record under another name": refused(renamed("other"), "is the record of"),
    "a folder of escapes": refused(renamed("a\x1b[2J"), "is the record of|is not a trial id"),
    "a record behind a link": refused(
        with_link(f"trials/{TRIAL}/record.json", "outside/secret.txt"), LEADS_OUT
    ),
    "a record behind an endless device": refused(
        with_link(f"trials/{TRIAL}/record.json", "/dev/zero"), LEADS_OUT
    ),
    "a trial behind a link": refused(with_link(f"trials/{TRIAL}", "outside"), LEADS_OUT),
    "all trials behind a link": refused(with_link("trials", "outside"), LEADS_OUT),
    "figures behind a link": refused(with_link("figures", "outside/pictures"), LEADS_OUT),
    "a figure behind a link": refused(
        with_link("figures/claims.png", "outside/pictures/holiday.png"), LEADS_OUT
    ),
    "tables behind a link": refused(with_link("tables", "outside"), LEADS_OUT),
    "the summary behind a link": refused(with_link("summary.md", "outside/secret.txt"), LEADS_OUT),
    "a figure behind a link inside": shown(
        with_link("figures/claims.png", f"results/trials/{TRIAL}/record.json")
    ),
    "a pipe as a record": refused(pipe, "is neither a file nor a folder"),
    "a record of 100 billion bytes": refused(hole("record.json"), "more than any file of its kind"),
    "a table of other columns": refused(
        with_table("scales.parquet", lambda t: pyarrow.table({SCRIPT: [1]})), "unknown column"
    ),
    "a table without a column": refused(
        with_table("scales.parquet", lambda t: t.drop_columns(["layer"])), "no column 'layer'"
    ),
    "a script as a layer": refused(
        with_table("scales.parquet", set_column("layer", SCRIPT)), "not a table"
    ),
    "text as an error": refused(
        with_table("epochs.parquet", set_column("test_error_percent", "x")), "holds string"
    ),
    "lists as an error": refused(
        with_table(
            "epochs.parquet", lambda t: set_column("test_loss", pyarrow.array([[1.0]] * len(t)))(t)
        ),
        "holds list",
    ),
    "a table without rows": refused(
        with_table("scales.parquet", lambda t: t.slice(0, 0)), "no rows"
    ),
    "a layer without a name": refused(
        with_table(
            "scales.parquet", lambda t: set_column("layer", pyarrow.nulls(len(t), "string"))(t)
        ),
        "'layer' has empty rows",
    ),
    "an infinite error": refused(
        with_table("epochs.parquet", set_column("test_loss", math.inf)), "an infinite number"
    ),
    "a long name in many rows": refused(
        with_table("scales.parquet", long_name), "not a table of a record"
    ),
    "a table of 100 billion bytes": refused(
        hole("epochs.parquet"), "more than any file of its kind"
    ),
    "a seal of 100 billion bytes": refused(hole("SHA256SUMS"), "more than any file of its kind"),
    "60 folders in folders": refused(nested, "is nested deeper than 40 levels"),
    "an error that is no number": refused(
        with_record(lambda r: r["errors"].update(final_percent=float("nan"))), NOT
    ),
    "a scale as large as a number of a network can be": shown(
        with_table("scales.parquet", set_column("positive_scale", 3e38))
    ),
    **{name: refused(*case) for name, case in IMPOSSIBLE.items()},
    "finished without errors": refused(
        with_record(lambda r: r | {"errors": None}), "finished without errors"
    ),
    "its own parent": refused(with_spec(parent=TRIAL), "its own parent"),
    "a number as the epochs of decay": refused(with_recipe(decay_epochs=5), NOT),
    "an infinite error of a probe": refused(
        with_probe(lambda p: p.update(as_trained_error_percent=math.inf)), "not a probe"
    ),
    "10 million rows": refused(with_table("epochs.parquet", many_rows), "10,000,000 rows"),
    "nonsense as a table": refused(
        with_table("epochs.parquet", lambda t: b"PAR1" + bytes(99) + b"PAR1"),
        "cannot be read as Parquet",
    ),
    "a pickle as a table": refused(
        with_table("epochs.parquet", lambda t: b"cos\nsystem\n(S'touch harmed'\ntR."),
        "cannot be read",
    ),
    "a script as the layer of a probe": refused(
        with_probe(lambda p: p.update(not_symmetrised=[SCRIPT])), "not a probe"
    ),
    "kernels of another shape": refused(
        with_probe(lambda p: p.update(kernels={"layer": "a", "shape": [9, 9, 9, 9], "codes": "+"})),
        "not a probe",
    ),
    "kernels of no size": refused(
        with_probe(lambda p: p.update(kernels={"layer": "a", "shape": [0, 1, 1, 1], "codes": ""})),
        "not a probe",
    ),
    "a probe of another trial": refused(
        with_probe(lambda p: p.update(trial_id="../../outside/x")), "is the probe of"
    ),
    "a plan of numbers": refused(
        with_text("plans/a.json", json.dumps(PLAN | {"trial_ids": [[1], {}]})), "not a noted plan"
    ),
    "a plan of other fields": refused(
        with_text("plans/a.json", '{"trial_ids": []}'), "not a noted plan"
    ),
    "words in a plan": shown(
        with_text(
            "plans/a.json", json.dumps(PLAN | {"suite": "".join(ALL), "trial_ids": ["ttq-0", *ALL]})
        )
    ),
    "words as an alarm": shown(
        with_record(lambda r: r | {"alarms": [{"what": w, "layer": None, "epoch": 1} for w in ALL]})
    ),
    "a spreadsheet's formula as an alarm": shown(
        with_record(
            lambda r: r | {"alarms": [{"what": "=cmd|'/c calc'!A0", "layer": None, "epoch": 1}]}
        )
    ),
    "words as a processor": shown(
        with_record(
            lambda r: r["provenance"].update(processor="".join(ALL), commit=SCRIPT, torch=ESCAPES)
        )
    ),
    "words as a device": shown(
        with_record(lambda r: r["run"].update(device_name=SCRIPT, backend=ESCAPES))
    ),
    "words as a failure": shown(
        with_text("failures/a/failure.json", json.dumps({"reason": "\n".join(ALL) * 50}))
    ),
    "words as the name of a failure": shown(
        with_text(f"failures/{SCRIPT.replace('/', '')}{ESCAPES}/failure.json", '{"reason": "x"}')
    ),
    "100,000 open lists as a failure": shown(with_text("failures/a/failure.json", "[" * 100_000)),
    "100,000 open lists as a plan": refused(
        with_text("plans/a.json", "[" * 100_000), "not a noted"
    ),
    "no JSON as a failure": shown(with_text("failures/a/failure.json", SCRIPT)),
    "a drawing of its own": shown(with_text("figures/evil.svg", f"<svg>{SCRIPT}</svg>")),
}
