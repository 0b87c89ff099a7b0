"""Ways to change a folder of good records so that it attacks whoever reports it."""

import json
import os

import numpy as np
import pyarrow
from pyarrow import parquet

from tests.record_builders import as_recorded, make_probe, seal_anew, write_grid
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.probes import probe_seal, publish_probe
from ttq_bench.records.seal import sha256

TRIAL = "ttq-0"
# Words that do harm where they are shown as they are.
SCRIPT = "<script>alert(1)</script>"
MARKDOWN = (
    "x](javascript:alert(1)) | <img src=x onerror=alert(1)> `a` ![x](http://tracker.example/x)"
)
ESCAPES = "\x1b[2J\x1b]0;evil\x07\u202e\r"
ALL = (SCRIPT, MARKDOWN, ESCAPES)


def good(room):
    write_grid(room.results, seeds=1)


def trial(room, name=TRIAL):
    return room.results / "trials" / name


def with_record(change, name=TRIAL):
    """Change the record by a function of its fields."""

    def harm(room):
        path = trial(room, name) / "record.json"
        fields = json.loads(path.read_text())
        path.write_text(json.dumps(change(fields) or fields))
        seal_anew(path.parent)

    return harm


def with_record_text(text):
    def harm(room):
        (trial(room) / "record.json").write_text(text)
        seal_anew(trial(room))

    return harm


def with_spec(**fields):
    return with_record(lambda record: record["spec"].update(fields))


def with_quantization(**fields):
    return with_record(lambda record: record["spec"]["quantization"].update(fields))


def with_recipe(**fields):
    return with_record(lambda record: record["spec"]["recipe"].update(fields))


def with_table(name, change):
    """Change a table of the record by a function of an Arrow table (or bytes)."""

    def harm(room):
        path = trial(room) / name
        made = change(parquet.read_table(path))
        if isinstance(made, bytes):
            path.write_bytes(made)
        else:
            parquet.write_table(made, path)
        fields = json.loads((trial(room) / "record.json").read_text())
        fields["table_sha256"][name] = sha256(path.read_bytes())
        (trial(room) / "record.json").write_text(json.dumps(fields))
        seal_anew(trial(room))

    return harm


def with_text(name, *words):
    """Write text as a file of the results folder."""

    def harm(room):
        path = room.results / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(words))

    return harm


def with_link(name, target):
    """Put a link in place of a part of the folder that leads to a place outside."""

    def harm(room):
        path = room.results / name
        if path.is_file():
            path.unlink()
        elif path.is_dir():
            path.rename(room.results.parent / "moved")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(room.root / target)

    return harm


def with_probe(change):
    """Change a probe by a function of its fields."""

    def harm(room):
        publish_probe(ResultsPaths(room.results), as_recorded(room.results, make_probe(TRIAL)))
        path = room.results / "probes" / f"{TRIAL}.json"
        fields = json.loads(path.read_text())
        del fields["sha256"]
        change(fields)
        path.write_text(json.dumps({**fields, "sha256": probe_seal(fields)}))

    return harm


def pipe(room):
    (trial(room) / "record.json").unlink()
    os.mkfifo(trial(room) / "record.json")


def hole(name):
    """A file of 100 billion bytes that take no place on the disk."""

    def harm(room):
        os.truncate(trial(room) / name, 100 << 30)

    return harm


def nested(room):
    """60 folders, each in the one before."""
    here = os.open(room.results, os.O_RDONLY)
    for _ in range(60):
        os.mkdir("a", dir_fd=here)
        inner = os.open("a", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(here)


def set_column(name, values):
    """Give a column other values: one for all rows, or one for each."""

    def change(table):
        place = table.schema.get_field_index(name)
        made = [values] * len(table) if np.isscalar(values) else values
        return table.set_column(place, name, pyarrow.array(made))

    return change


def empty_column(name):
    def change(table):
        field = table.schema.field(name)
        place = table.schema.get_field_index(name)
        return table.set_column(place, name, pyarrow.nulls(len(table), field.type))

    return change


def twice(table):
    return pyarrow.concat_tables([table, table])


def many_layers(table):
    row = table.slice(0, 1).to_pylist()[0]
    rows = [row | {"layer_index": n, "layer": f"layer{n}"} for n in range(10_000)]
    return pyarrow.Table.from_pylist(rows, schema=table.schema)


def with_histogram(change):
    """Add a histogram of a layer to the record, changed by a function of an Arrow table."""
    row = {"epoch": 2, "layer_index": 0, "layer": "layer1.conv1", "reach": 1.0, "bins": 4}
    rows = [row | {"bin": number, "count": 5} for number in range(4)]

    def harm(room):
        parquet.write_table(pyarrow.Table.from_pylist(rows), trial(room) / "histograms.parquet")
        with_table("histograms.parquet", change)(room)

    return harm


def long_name(table):
    """A layer's name of 100,000 characters in 100,000 rows, which takes little as a dictionary."""
    count = 100_000
    codes = pyarrow.DictionaryArray.from_arrays(np.zeros(count, np.int32), ["a" * count])
    rows = {name: pyarrow.array(np.zeros(count)) for name in table.schema.names}
    sink = pyarrow.BufferOutputStream()
    parquet.write_table(pyarrow.table(rows | {"layer": codes}), sink, compression="zstd")
    return sink.getvalue().to_pybytes()


def many_rows(table):
    """A billion rows of one value, a few bytes each thousand."""
    part = pyarrow.array(np.zeros(10_000_000))
    columns = {name: pyarrow.chunked_array([part]) for name in table.schema.names}
    sink = pyarrow.BufferOutputStream()
    parquet.write_table(pyarrow.table(columns), sink, compression="zstd")
    return sink.getvalue().to_pybytes()
