"""Results folders that attack whoever reports them, by name, and what ``ttq-bench report`` says.

One case for each check that a reader makes. That no field of a spec takes a script is tested field
by field in ``test_results.py``.
"""

import json
import math

import pyarrow

from tests.hostile.results_folders import (
    ALL,
    ESCAPES,
    MARKDOWN,
    SCRIPT,
    TRIAL,
    empty_column,
    hole,
    long_name,
    many_layers,
    many_rows,
    nested,
    pipe,
    set_column,
    twice,
    with_histogram,
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
TOO_LARGE = "more than any file of its kind"
FORMULA = "=cmd|'/c calc'!A0"  # of a spreadsheet
PICKLE = b"cos\nsystem\n(S'touch harmed'\ntR."
PLAN = {"suite": "tiny", "profile": "", "title": "Tiny", "trial_ids": ["a"]}


def alarm(words, layer=None):
    return {"what": words, "layer": layer, "epoch": 1}


def fields(**changes):
    return with_record(lambda record: record | changes)


def scales(change):
    return with_table("scales.parquet", change)


def epochs(change):
    return with_table("epochs.parquet", change)


def probe(**changes):
    return with_probe(lambda probe: probe.update(changes))


def layer_of_probe(**changes):
    return with_probe(lambda probe: probe["symmetrised"][0].update(changes))


def plan(text):
    return with_text("plans/a.json", text)


RECORDS = {
    "a script as a dataset": (with_spec(dataset=SCRIPT), NOT),
    "a list as a strategy": (with_quantization(strategy=[1]), NOT),
    "a script as a layer that is kept": (with_quantization(conversion={"keep": [SCRIPT]}), NOT),
    "a script as another field": (with_recipe(unknown=[SCRIPT]), NOT),
    "no learning rate": (with_recipe(learning_rate=None), NOT),
    "a seed of 30 digits": (with_spec(seed=10**30), NOT),
    "a version that is no number": (with_spec(training_version="<b>"), NOT),
    "a parent that leads out": (with_spec(parent="../../outside/secret.txt"), NOT),
    "its own parent": (with_spec(parent=TRIAL), "its own parent"),
    "an older record whose recipe is a list": (with_spec(training_version=0, recipe=[]), NOT),
    "a field too many": (fields(__class__="os.system"), NOT),
    "seconds that are no number": (fields(training_seconds=math.nan), NOT),
    "10^308 seconds": (fields(training_seconds=1e308), "a time that"),
    "a sparsity of 2": (fields(sparsity=2.0), "a share"),
    "finished without errors": (fields(errors=None), "finished without errors"),
    "a script as the layer of an alarm": (fields(alarms=[alarm("x", SCRIPT)]), NOT),
    "an alarm of 10 million letters": (fields(alarms=[alarm("a" * 10**7)]), NOT),
    "a trial id that leads out": (fields(trial_id="../../x"), "is the record of"),
    "a mapping as a device": (with_record(lambda r: r["run"].update(device_name={})), NOT),
    "an error that is no number": (
        with_record(lambda r: r["errors"].update(final_percent=math.nan)), NOT,
    ),
    "an error of 10^308 percent": (
        with_record(lambda r: r["errors"].update(final_percent=1e308)), "between 0 and 100 %",
    ),
    "an error below zero": (
        with_record(lambda r: r["errors"].update(minimum_over_test_percent=-1.0)),
        "between 0 and 100 %",
    ),
    "a commit of 10 million letters": (
        with_record(lambda r: r["provenance"].update(commit="a" * 10**7)), NOT,
    ),
    "a table that leads out": (
        with_record(lambda r: r["table_sha256"].update({"../../../outside/secret.txt": "0" * 64})),
        "SHA256SUMS|unknown table",
    ),
    "no JSON": (with_record_text("import os"), NOT),
    "100,000 open lists": (with_record_text("[" * 100_000), NOT),
}  # fmt: skip
FILES = {
    "a record behind a link": (
        with_link(f"trials/{TRIAL}/record.json", "outside/secret.txt"), LEADS_OUT,
    ),
    "all trials behind a link": (with_link("trials", "outside"), LEADS_OUT),
    "a page behind a link": (with_link("pages/scales.md", "outside/secret.txt"), LEADS_OUT),
    "a figure behind a link inside": (
        with_link("figures/claims.png", f"results/trials/{TRIAL}/record.json"),
        "was not written by ttq-bench",
    ),
    "a pipe as a record": (pipe, "is neither a file nor a folder"),
    "a record of 100 billion bytes": (hole("record.json"), TOO_LARGE),
    "a table of 100 billion bytes": (hole("epochs.parquet"), TOO_LARGE),
    "a seal of 100 billion bytes": (hole("SHA256SUMS"), TOO_LARGE),
    "60 folders in folders": (nested, "is nested deeper than 40 levels"),
}  # fmt: skip
MOVED = {"kind": "doubled", "draw": 0, "rms_change": 0.1, "test_error_percent": 20.0}
HEALING = {
    "epochs": 1, "learning_rate": 0.1, "as_trained_error_percent": 20.0,
    "equal_error_percent": 20.0,
}  # fmt: skip
TABLES = {
    "a pickle as a table": (epochs(lambda table: PICKLE), "cannot be read"),
    "10 million rows": (epochs(many_rows), "10,000,000 rows"),
    "no rows": (scales(lambda table: table.slice(0, 0)), "no rows"),
    "a table of other columns": (
        scales(lambda table: pyarrow.table({SCRIPT: [1]})), "unknown column",
    ),
    "a table without a column": (
        scales(lambda table: table.drop_columns(["layer"])), "no column 'layer'",
    ),
    "text as an error": (epochs(set_column("test_error_percent", "x")), "holds string"),
    "a script as a layer": (scales(set_column("layer", SCRIPT)), "not a table"),
    "a long name in many rows": (scales(long_name), "not a table of a record"),
    "a layer without a name": (scales(empty_column("layer")), "'layer' has empty rows"),
    **{
        f"no {column}": (scales(empty_column(column)), f"'{column}' has empty rows")
        for column in ("positive_scale", "negative_scale", "zero_share")
    },
    "no weights": (scales(empty_column("weight_count")), "'weight_count' has empty rows"),
    "errors that are no numbers": (
        epochs(set_column("test_error_percent", math.nan)), "'test_error_percent' has empty rows",
    ),
    "an infinite error": (epochs(set_column("test_loss", math.inf)), "an infinite number"),
    "an error of 10^308 in a table": (
        epochs(set_column("test_error_percent", 1e308)),
        "'test_error_percent' that is not between 0 and 100",
    ),
    "a share of 2": (scales(set_column("zero_share", 2.0)), "not between 0 and 1"),
    "a scale of 10^308": (scales(set_column("positive_scale", 1e308)), "'positive_scale' that"),
    "a log ratio of 10^38": (scales(set_column("rho", 1e38)), "'rho' that is not between"),
    "an epoch of 10^308": (scales(set_column("epoch", 1e308)), "'epoch' that is not between"),
    "epochs of 1.5": (epochs(set_column("epoch", [0.5, 1.5])), "that has to be whole is not"),
    "epochs twice": (epochs(twice), "duplicate rows"),
    "rows twice": (scales(twice), "duplicate rows"),
    "bins twice": (with_histogram(twice), "duplicate rows"),
    "a histogram without a bin": (with_histogram(lambda t: t.slice(1)), "without some of its bins"),
    "a layer without some of its epochs": (
        scales(lambda table: table.slice(1)), "a layer without some of its epochs",
    ),
    "layers of one name": (scales(set_column("layer", "same")), "two layers have the same name"),
    "10,000 layers": (scales(many_layers), "10,000 layers, more than 1,000"),
}  # fmt: skip
PROBES = {
    "a probe of other weights": (probe(as_trained_error_percent=1.0), "its record's weights"),
    "an infinite error of a probe": (probe(as_trained_error_percent=math.inf), "not a probe"),
    "an error of 10^308 percent of a probe": (
        probe(reestimated_error_percent=1e308), "not a probe .an error",
    ),
    "a probe of another trial": (probe(trial_id="../../outside/x"), "is the probe of"),
    "a script as the layer of a probe": (probe(not_symmetrised=[SCRIPT]), "not a probe"),
    "kernels of another shape": (
        probe(kernels={"layer": "a", "shape": [9, 9, 9, 9], "codes": "+"}), "not a probe",
    ),
    "kernels of no size": (
        probe(kernels={"layer": "a", "shape": [0, 1, 1, 1], "codes": ""}), "not a probe",
    ),
    "a script as the layer of kernels": (
        probe(kernels={"layer": SCRIPT, "shape": [1, 1, 1, 1], "codes": "+"}), "not a probe",
    ),
    "an error of 10^308 percent of moved scales": (
        probe(moved=[MOVED | {"test_error_percent": 1e308}]), "not a probe .an error",
    ),
    "a change of 10^38 of moved scales": (
        probe(moved=[MOVED | {"rms_change": 1e38}]), "not a probe .an error, a ratio",
    ),
    "an error of 10^308 percent after healing": (
        probe(healing=HEALING | {"equal_error_percent": 1e308}), "not a probe .an error",
    ),
    "an error of 10^308 percent of a layer": (
        layer_of_probe(test_error_percent=1e308), "not a probe .an error",
    ),
    "a log ratio of 10^38 of a layer": (layer_of_probe(rho=1e38), "not a probe .an error, a ratio"),
}  # fmt: skip
PLANS = {
    "a plan of numbers": (plan(json.dumps(PLAN | {"trial_ids": [[1], {}]})), "not a noted plan"),
    "100,000 open lists as a plan": (plan('{"trial_ids": ' + "[" * 100_000), "not a noted"),
}
REFUSED = {**RECORDS, **FILES, **TABLES, **PROBES, **PLANS}

# Words that do harm where they are shown as they are, and what else may be there: all at once.
SHOWN = (
    with_record(
        lambda r: r["provenance"].update(processor="".join(ALL), commit=SCRIPT, torch=ESCAPES)
    ),
    with_record(lambda r: r["run"].update(device_name=SCRIPT, backend=ESCAPES)),
    with_record(lambda r: r["spec"].update(data_fingerprint=MARKDOWN)),
    fields(alarms=[alarm(words) for words in (*ALL, FORMULA)]),
    plan(json.dumps(PLAN | {"suite": "".join(ALL), "trial_ids": ["ttq-0", *ALL]})),
    with_text("failures/a/failure.json", json.dumps({"reason": "\n".join(ALL) * 50})),
    with_text("failures/b/failure.json", "[" * 100_000),
    with_text("failures/c/failure.json", SCRIPT),
    with_text(f"failures/{SCRIPT.replace('/', '')}{ESCAPES}/failure.json", '{"reason": "x"}'),
    with_text("figures/evil.svg", f"<svg>{SCRIPT}</svg>"),
    # The largest that a number of a network can be.
    scales(set_column("positive_scale", 3e38)),
    with_record(lambda r: r | {"spec": {}}, "on-0"),  # of an older version: left out
)
# For the other commands: what each of them reads in its own way.
READ_BY_ALL = (
    "a script as a dataset",
    "a list as a strategy",
    "an older record whose recipe is a list",
    "a version that is no number",
    "a parent that leads out",
    "a trial id that leads out",
    "a table that leads out",
    "no JSON",
    "100,000 open lists",
    "a record behind a link",
    "a pipe as a record",
    "a pickle as a table",
    "10 million rows",
    "a table of other columns",
    "a share of 2",
    "a script as the layer of a probe",
    "a probe of another trial",
    "a plan of numbers",
)
