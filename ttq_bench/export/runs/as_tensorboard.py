"""Runs as event files of TensorBoard: a folder and one file a trial. Needs ``tensorboard``.

A file's bytes follow from its record alone, so a second export writes the same file and none beside
it. Hyperparameters and results also stand in TensorBoard's table of hyperparameters (HPARAMS).
"""

import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ttq_bench.export.runs.run import Run
from ttq_bench.files import replaceable, write_atomically

# TensorBoard reads files with "tfevents" in their name; the end shows who wrote it.
FILE_NAME = "events.out.tfevents.0000000000.ttq_bench"
WRITER = "ttq-bench export-runs"
REFUSAL = (
    f"lies where a run is to go and is none of `{WRITER}`; give it another name, or name another"
    " folder with --tensorboard"
)


def write_tensorboard(folder: Path, runs: Iterable[Run]) -> tuple[int, int]:
    """Write a file for each run; return how many were written, and how many were there already.

    Other files in the folder of a run stay. Raises ``ResultsError`` for a file in the place of one
    of ours that this module did not write; files of runs before it are written.
    """
    written = unchanged = 0
    for run in runs:
        path = folder / run.trial_id / FILE_NAME
        content = event_bytes(run)
        if replaceable(path, _is_ours, REFUSAL) == content:
            unchanged += 1
        else:
            write_atomically(path, content)
            written += 1
    return written, unchanged


def _is_ours(content: bytes) -> bool:
    return WRITER.encode() in content[:200]


def event_bytes(run: Run) -> bytes:
    """Return the content of the run's event file."""
    from tensorboard.summary.writer.record_writer import RecordWriter  # an extra

    stream = io.BytesIO()
    writer = RecordWriter(stream)
    for event in _events(run):
        writer.write(event.SerializeToString(deterministic=True))
    return stream.getvalue()


def _events(run: Run) -> Iterator[Any]:
    from tensorboard.compat.proto.event_pb2 import Event, SourceMetadata
    from tensorboard.compat.proto.summary_pb2 import Summary

    yield Event(
        wall_time=run.began, file_version="brain.Event:2",
        source_metadata=SourceMetadata(writer=WRITER),
    )  # fmt: skip
    yield from (Event(wall_time=run.began, summary=part) for part in _texts(run))
    for name, epoch, value, time in run.points():
        summary = Summary(value=[Summary.Value(tag=name, simple_value=value)])
        yield Event(wall_time=time, step=epoch, summary=summary)


def _texts(run: Run) -> Iterator[Any]:
    """Yield the run's entry in the table of hyperparameters, and its tags as a text."""
    from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
    from tensorboard.compat.proto.tensor_pb2 import TensorProto
    from tensorboard.compat.proto.types_pb2 import DT_STRING
    from tensorboard.plugins.hparams import metadata
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionEndInfo
    from tensorboard.plugins.hparams.summary_v2 import hparams_pb

    begin = hparams_pb(dict(run.hyperparameters), trial_id=run.trial_id, start_time_secs=run.began)
    plugin = begin.value[0].metadata.plugin_data  # its map is in an order of this process alone
    entry = HParamsPluginData.FromString(plugin.content)
    plugin.content = entry.SerializeToString(deterministic=True)
    yield begin
    status = "STATUS_SUCCESS" if run.is_finished else "STATUS_FAILURE"
    end = HParamsPluginData(session_end_info=SessionEndInfo(status=status, end_time_secs=run.ended))
    yield Summary(
        value=[
            Summary.Value(
                tag=metadata.SESSION_END_INFO_TAG,
                metadata=metadata.create_summary_metadata(end),
                tensor=metadata.NULL_TENSOR,
            )
        ]
    )
    lines = "\n".join(f"{name}: {value}  " for name, value in run.tags.items())
    of_texts = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="text"))
    text = TensorProto(dtype=DT_STRING, string_val=[lines.encode()])
    text.tensor_shape.dim.add(size=1)
    yield Summary(value=[Summary.Value(tag="tags/text_summary", metadata=of_texts, tensor=text)])
