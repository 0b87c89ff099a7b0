"""Results folders that attack whoever reports them, by name, and what ``ttq-bench report`` says."""

import json
import math

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

NOT = "not a record"
LEADS_OUT = "is a link that leads out of the results folder"
FORMULA = "=cmd|'/c calc'!A0"  # of a spreadsheet
PLAN = {"suite": "tiny", "profile": "", "title": "Tiny", "trial_ids": ["a"]}


def alarm(words, layer=None):
    return {"what": words, "layer": layer, "epoch": 1}


# What is refused, with a part of its sentence.
REFUSED = {
    "a script as a dataset": (with_spec(dataset=SCRIPT), NOT),
    "a link as a protocol": (with_spec(protocol=MARKDOWN), NOT),
    "escapes as a model": (with_spec(model=ESCAPES), NOT),
    "a script as a method": (with_quantization(method=SCRIPT), NOT),
    "a script as a strategy": (with_quantization(strategy={"name": SCRIPT, "number": 1}), NOT),
    "a list as a strategy": (with_quantization(strategy=[1]), NOT),
    "text as a number": (with_quantization(strategy={"name": "a", "number": "x"}), NOT),
    "a script as a layer that is kept": (with_quantization(conversion={"keep": [SCRIPT]}), NOT),
    "a script in a recipe": (with_recipe(schedule=SCRIPT), NOT),
    "a script as another field": (with_recipe(unknown=[SCRIPT]), NOT),
    "no learning rate": (with_recipe(learning_rate=None), NOT),
    "a seed of 30 digits": (with_spec(seed=10**30), NOT),
    "a script as a repeat": (with_spec(repeat=SCRIPT), NOT),
    "an older record whose recipe is a list": (with_spec(training_version=0, recipe=[]), NOT),
    "a probe of other weights": (
        with_probe(lambda p: p.update(as_trained_error_percent=1.0)),
        "its record's weights",
    ),
    "a version that is no number": (with_spec(training_version="<b>"), NOT),
    "a parent that leads out": (with_spec(parent="../../outside/secret.txt"), NOT),
    "seconds that are no number": (
        with_record(lambda r: r | {"training_seconds": float("nan")}),
        NOT,
    ),
    "a mapping as a device": (with_record(lambda r: r["run"].update(device_name={})), NOT),
    "a field too many": (with_record(lambda r: r | {"__class__": "os.system"}), NOT),
    "a table that leads out": (
        with_record(lambda r: r["table_sha256"].update({"../../../outside/secret.txt": "0" * 64})),
        "SHA256SUMS|unknown table",
    ),
    "a script as the layer of an alarm": (
        with_record(lambda r: r | {"alarms": [alarm("x", SCRIPT)]}),
        NOT,
    ),
    "no JSON": (with_record_text("import os"), NOT),
    "100,000 open lists": (with_record_text("[" * 100_000), NOT),
    "a trial id that leads out": (
        with_record(lambda r: r | {"trial_id": "../../x"}),
        "is the record of",
    ),
    "a record under another name": (renamed("other"), "is the record of"),
    "a record behind a link": (
        with_link(f"trials/{TRIAL}/record.json", "outside/secret.txt"),
        LEADS_OUT,
    ),
    "all trials behind a link": (with_link("trials", "outside"), LEADS_OUT),
    "figures behind a link": (with_link("figures", "outside/pictures"), LEADS_OUT),
    "a figure behind a link": (
        with_link("figures/claims.png", "outside/pictures/holiday.png"),
        LEADS_OUT,
    ),
    "a figure behind a link inside": (
        with_link("figures/claims.png", f"results/trials/{TRIAL}/record.json"),
        "was not written by ttq-bench",
    ),
    "a page behind a link": (with_link("pages/scales.md", "outside/secret.txt"), LEADS_OUT),
    "the summary behind a link": (with_link("summary.md", "outside/secret.txt"), LEADS_OUT),
    "a record behind an endless device": (
        with_link(f"trials/{TRIAL}/record.json", "/dev/zero"),
        LEADS_OUT,
    ),
    "a pipe as a record": (pipe, "is neither a file nor a folder"),
    "a record of 100 billion bytes": (hole("record.json"), "more than any file of its kind"),
    "a table of other columns": (
        with_table("scales.parquet", lambda t: pyarrow.table({SCRIPT: [1]})),
        "unknown column",
    ),
    "a table without a column": (
        with_table("scales.parquet", lambda t: t.drop_columns(["layer"])),
        "no column 'layer'",
    ),
    "a script as a layer": (
        with_table("scales.parquet", set_column("layer", SCRIPT)),
        "not a table",
    ),
    "text as an error": (
        with_table("epochs.parquet", set_column("test_error_percent", "x")),
        "holds string",
    ),
    "a table without rows": (with_table("scales.parquet", lambda t: t.slice(0, 0)), "no rows"),
    "a layer without a name": (
        with_table(
            "scales.parquet", lambda t: set_column("layer", pyarrow.nulls(len(t), "string"))(t)
        ),
        "'layer' has empty rows",
    ),
    "an infinite error": (
        with_table("epochs.parquet", set_column("test_loss", math.inf)),
        "an infinite number",
    ),
    "a long name in many rows": (
        with_table("scales.parquet", long_name),
        "not a table of a record",
    ),
    "a table of 100 billion bytes": (hole("epochs.parquet"), "more than any file of its kind"),
    "a seal of 100 billion bytes": (hole("SHA256SUMS"), "more than any file of its kind"),
    "60 folders in folders": (nested, "is nested deeper than 40 levels"),
    "an error that is no number": (
        with_record(lambda r: r["errors"].update(final_percent=float("nan"))),
        NOT,
    ),
    **IMPOSSIBLE,
    "finished without errors": (
        with_record(lambda r: r | {"errors": None}),
        "finished without errors",
    ),
    "its own parent": (with_spec(parent=TRIAL), "its own parent"),
    "a number as the epochs of decay": (with_recipe(decay_epochs=5), NOT),
    "an infinite error of a probe": (
        with_probe(lambda p: p.update(as_trained_error_percent=math.inf)),
        "not a probe",
    ),
    "10 million rows": (with_table("epochs.parquet", many_rows), "10,000,000 rows"),
    "a pickle as a table": (
        with_table("epochs.parquet", lambda t: b"cos\nsystem\n(S'touch harmed'\ntR."),
        "cannot be read",
    ),
    "a script as the layer of a probe": (
        with_probe(lambda p: p.update(not_symmetrised=[SCRIPT])),
        "not a probe",
    ),
    "kernels of another shape": (
        with_probe(lambda p: p.update(kernels={"layer": "a", "shape": [9, 9, 9, 9], "codes": "+"})),
        "not a probe",
    ),
    "kernels of no size": (
        with_probe(lambda p: p.update(kernels={"layer": "a", "shape": [0, 1, 1, 1], "codes": ""})),
        "not a probe",
    ),
    "a script as the layer of kernels": (
        with_probe(
            lambda p: p.update(kernels={"layer": SCRIPT, "shape": [1, 1, 1, 1], "codes": "+"})
        ),
        "not a probe",
    ),
    "a probe of another trial": (
        with_probe(lambda p: p.update(trial_id="../../outside/x")),
        "is the probe of",
    ),
    "a plan of numbers": (
        with_text("plans/a.json", json.dumps(PLAN | {"trial_ids": [[1], {}]})),
        "not a noted plan",
    ),
    "100,000 open lists as a plan": (
        with_text("plans/a.json", '{"trial_ids": ' + "[" * 100_000),
        "not a noted",
    ),
}
# Words that do harm where they are shown as they are, and what else may be there: all at once.
SHOWN = (
    with_record(
        lambda r: r["provenance"].update(processor="".join(ALL), commit=SCRIPT, torch=ESCAPES)
    ),
    with_record(lambda r: r["run"].update(device_name=SCRIPT, backend=ESCAPES)),
    with_record(lambda r: r | {"alarms": [alarm(words) for words in (*ALL, FORMULA)]}),
    with_text(
        "plans/a.json", json.dumps(PLAN | {"suite": "".join(ALL), "trial_ids": ["ttq-0", *ALL]})
    ),
    with_text("failures/a/failure.json", json.dumps({"reason": "\n".join(ALL) * 50})),
    with_text("failures/b/failure.json", "[" * 100_000),
    with_text("failures/c/failure.json", SCRIPT),
    with_text(f"failures/{SCRIPT.replace('/', '')}{ESCAPES}/failure.json", '{"reason": "x"}'),
    with_text("figures/evil.svg", f"<svg>{SCRIPT}</svg>"),
    # The largest that a number of a network can be.
    with_table("scales.parquet", set_column("positive_scale", 3e38)),
    with_record(lambda r: r | {"spec": {}}, "on-0"),  # of an older version: left out
)
# For the other commands, of what is read in one way the one that can do most harm.
READ_BY_ALL = (
    "a script as a dataset",
    "a list as a strategy",
    "text as a number",
    "a script as another field",
    "no learning rate",
    "a seed of 30 digits",
    "an older record whose recipe is a list",
    "a probe of other weights",
    "a version that is no number",
    "a parent that leads out",
    "seconds that are no number",
    "a field too many",
    "a table that leads out",
    "no JSON",
    "100,000 open lists",
    "a trial id that leads out",
    "a record behind a link",
    "all trials behind a link",
    "a pipe as a record",
    "a record of 100 billion bytes",
    "a table of other columns",
    "a script as a layer",
    "text as an error",
    "an infinite error",
    "60 folders in folders",
    "a share of 2",
    "its own parent",
    "10 million rows",
    "a pickle as a table",
    "a script as the layer of a probe",
    "a probe of another trial",
    "a plan of numbers",
)
