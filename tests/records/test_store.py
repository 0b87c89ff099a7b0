import contextlib
import io
import json
import multiprocessing
import os

import pytest
from pyarrow import parquet

from tests.record_builders import publish_record, seal_anew
from tests.records.conftest import make_epochs, make_record
from ttq_bench.errors import ResultsError
from ttq_bench.files import write_temporary
from ttq_bench.records.schema import EPOCH_COLUMNS, SCHEMA_VERSION
from ttq_bench.records.seal import sha256
from ttq_bench.records.store import (
    read_failures,
    read_record,
    read_records,
    read_table,
    record_bytes,
    remove_leftovers,
    table_bytes,
    write_failure,
)

ROWS = make_epochs([9.0])


def test_a_published_record_is_read_back_with_the_hashes_of_its_tables(
    paths, record, epochs, scales
):
    assert publish_record(paths, record, {"epochs.parquet": epochs, "scales.parquet": scales})
    read = read_record(paths.record)
    assert read == record.model_copy(update={"table_sha256": read.table_sha256})
    for name in ("epochs.parquet", "scales.parquet"):
        assert sha256(read_table(paths, name)) == read.table_sha256[name]


def test_a_published_folder_can_be_read_by_others_and_nothing_hidden_is_left(paths, record, epochs):
    publish_record(paths, record, {"epochs.parquet": epochs})
    assert paths.folder.stat().st_mode & 0o777 == 0o755
    assert paths.record.stat().st_mode & 0o777 == 0o644
    assert [path.name for path in paths.results.trials.iterdir()] == [paths.trial_id]
    assert sorted(os.listdir(paths.folder)) == [  # noqa: PTH208
        "SHA256SUMS", "epochs.parquet", "record.json",
    ]  # fmt: skip


def test_the_epochs_table_holds_the_rows(paths, record, epochs):
    publish_record(paths, record, {"epochs.parquet": epochs})
    table = parquet.read_table(io.BytesIO(read_table(paths, "epochs.parquet")))
    assert table.to_pylist() == epochs


def test_a_second_record_is_refused_and_changes_nothing(paths, record, epochs):
    assert publish_record(paths, record, {"epochs.parquet": epochs})
    before = paths.record.read_bytes()
    assert not publish_record(
        paths, make_record(paths.trial_id, parameter_count=8), {"epochs.parquet": epochs}
    )
    assert paths.record.read_bytes() == before
    assert [path.name for path in paths.results.trials.iterdir()] == [paths.trial_id]


def test_a_folder_without_record_in_the_way_is_to_be_moved_not_deleted(paths, record, epochs):
    paths.folder.mkdir(parents=True)
    (paths.folder / "notes.txt").write_text("mine")
    with pytest.raises(ResultsError, match=r"holds no record\.json; move it elsewhere and run"):
        publish_record(paths, record, {"epochs.parquet": epochs})
    assert (paths.folder / "notes.txt").read_text() == "mine"


def test_the_same_rows_give_the_same_bytes(epochs):
    again = [dict(reversed(row.items())) for row in make_epochs([30.0, 20.0, 10.0])]
    assert table_bytes(epochs, EPOCH_COLUMNS) == table_bytes(again, EPOCH_COLUMNS)
    assert table_bytes(epochs[:2], EPOCH_COLUMNS) != table_bytes(again, EPOCH_COLUMNS)


def test_record_bytes_do_not_depend_on_the_order_of_keys(paths):
    one = make_record(paths.trial_id, spec={"a": 1, "b": 2})
    other = make_record(paths.trial_id, spec={"b": 2, "a": 1})
    assert record_bytes(one) == record_bytes(other)
    assert record_bytes(one).endswith(b"}\n")


@pytest.mark.parametrize("content", [b"", b"{}", b'{"foreign": 1}', b"[]", b"\xff\xfe"])
def test_a_foreign_record_is_refused(paths, content):
    paths.folder.mkdir(parents=True)
    paths.record.write_bytes(content)
    seal_anew(paths.folder)
    with pytest.raises(ResultsError, match=r"record\.json: not a record .*delete its folder"):
        list(read_records(paths.results))


def test_a_record_with_a_field_that_is_not_known_is_refused(paths, record, epochs):
    publish_record(paths, record, {"epochs.parquet": epochs})
    content = json.loads(paths.record.read_text()) | {"extra": 1}
    paths.record.write_text(json.dumps(content))
    seal_anew(paths.folder)
    with pytest.raises(ResultsError, match="not a record"):
        read_record(paths.record)


def test_a_record_in_a_folder_of_another_name_is_refused(paths, record, epochs):
    publish_record(paths, record, {"epochs.parquet": epochs})
    paths.folder.rename(paths.results.trials / "renamed")
    with pytest.raises(ResultsError, match=f"is the record of {paths.trial_id}, not of its folder"):
        list(read_records(paths.results))


def test_records_come_in_the_order_of_ids_and_unfinished_ones_are_left_out(results, epochs):
    for name in ("b", "c", "a"):
        publish_record(results.trial(name), make_record(name), {"epochs.parquet": epochs})
    (results.trials / "a").rename(results.trials / ".a.writing")
    (results.trials / "empty").mkdir()
    assert [record.trial_id for record in read_records(results)] == ["b", "c"]


def test_a_results_folder_that_is_not_there_has_no_records_and_no_failures(results):
    assert list(read_records(results)) == []
    assert read_failures(results) == []


def test_a_failure_is_written_read_back_and_is_no_record(paths):
    write_failure(paths, "out of memory", "Traceback ...", {"seed": 0})
    assert read_failures(paths.results) == [{"trial_id": paths.trial_id, "reason": "out of memory"}]
    told = json.loads(paths.failure.read_text())
    assert (told["traceback"], told["spec"]) == ("Traceback ...", {"seed": 0})
    assert list(read_records(paths.results)) == []


@pytest.mark.parametrize("published_before", [False, True])
def test_a_record_removes_the_failure_of_an_earlier_attempt(
    paths, record, epochs, published_before
):
    if published_before:
        publish_record(paths, record, {"epochs.parquet": epochs})
    write_failure(paths, "out of memory", "", {})
    publish_record(paths, record, {"epochs.parquet": epochs})
    assert read_failures(paths.results) == []


def test_a_record_of_a_newer_version_is_refused(paths, record, epochs):
    newer = record.model_copy(update={"schema_version": SCHEMA_VERSION + 1})
    publish_record(paths, newer, {"epochs.parquet": epochs})
    with pytest.raises(ResultsError, match="written by a newer version"):
        read_record(paths.record)


def killed_while(paths, monkeypatch, function):
    """Publish a record in a process that is killed when it calls ``function`` of the store."""
    with monkeypatch.context() as patched:
        patched.setattr(f"ttq_bench.records.store.{function}", interrupted)
        patched.setattr("ttq_bench.records.store.shutil.rmtree", lambda *_, **__: None)
        patched.setattr("ttq_bench.files._discard", lambda _: None)
        with pytest.raises(KeyboardInterrupt):
            publish_record(paths, make_record(paths.trial_id), {"epochs.parquet": ROWS})


def interrupted(*_):
    raise KeyboardInterrupt


@pytest.mark.parametrize("function", ["write_atomically", "_renamed", "os.fsync"])
def test_what_a_killed_writer_left_is_removed_and_records_stay(
    results, monkeypatch, record, epochs, function
):
    publish_record(results.trial("a"), make_record("a"), {"epochs.parquet": epochs})
    killed_while(results.trial("b"), monkeypatch, function)
    assert len(list(results.trials.glob(".b.*"))) == 1
    remove_leftovers(results)
    assert [path.name for path in results.trials.iterdir()] == ["a"]


STRANGERS = (
    "trials/.git/HEAD", "trials/.stfolder/x", "trials/.gitkeep", "trials/.cache.settings/mine.txt",
    "trials/.a.abcdefgh/record.json/x", "trials/.stversions/record.json", "trials/.DS_Store",
    "trials/.doomed-dreams/record.json", "trials/.a.abcdefgh.tmp", "trials/.Trash-1000/files/x",
    "probes/.syncthing.a.json.tmp", "probes/.notes.abcdefgh.tmp", "work/a/.draft.abcdefgh.tmp",
    "work/.git/.x.tmp", "plans/.~lock.a.json.tmp", "failures/a/.failure.txt.abcdefgh.tmp",
    "work/a/attempts/000001/.vim.swp.tmp",
)  # fmt: skip


def test_what_writers_here_cannot_have_left_stays(results):
    for name in STRANGERS:
        (results.root / name).parent.mkdir(parents=True, exist_ok=True)
        (results.root / name).write_text("mine")
    (results.trials / ".b.abcdefgh").symlink_to(results.root)
    remove_leftovers(results)
    assert [name for name in STRANGERS if not (results.root / name).is_file()] == []
    assert (results.trials / ".b.abcdefgh").is_symlink()


@pytest.mark.parametrize("name", [
    "probes/a.json", "plans/cifar-quick.json", "failures/a/failure.json", "work/a/begun.json",
    "work/a/attempts/000001.lease.json", "work/a/attempts/000001/progress.json",
    "work/a/attempts/000001/checkpoints/epoch-000001.pt",
])  # fmt: skip
def test_the_temporary_of_each_file_that_is_written_is_removed(results, name):
    left = write_temporary(results.root / name, b"half")
    remove_leftovers(results)
    assert not left.exists()


@pytest.mark.parametrize("content", ["[]", "3", "{}", "not JSON"])
def test_a_foreign_failure_is_told_as_not_readable(paths, content):
    write_failure(paths, "a", "b", {})
    paths.failure.write_text(content)
    assert read_failures(paths.results) == [
        {"trial_id": paths.trial_id, "reason": "failure.json is not readable"}
    ]


def test_a_failure_beside_a_record_that_was_copied_in_is_over(paths, record, epochs):
    publish_record(paths, record, {"epochs.parquet": epochs})
    write_failure(paths, "a", "b", {})
    assert read_failures(paths.results) == []


def keep_publishing(results, begun, count):
    for number in range(count):
        with contextlib.suppress(OSError):
            publish_record(
                results.trial(f"t{number}"), make_record(f"t{number}"), {"epochs.parquet": ROWS}
            )
        begun.set()


@pytest.mark.slow
def test_a_writer_that_is_still_at_work_while_leftovers_are_deleted_publishes_whole_or_not(results):
    begun = multiprocessing.Event()
    writer = multiprocessing.Process(target=keep_publishing, args=(results, begun, 300))
    writer.start()
    begun.wait(30)
    while writer.is_alive():
        remove_leftovers(results)
    writer.join()

    assert writer.exitcode == 0
    remove_leftovers(results)
    names = sorted(path.name for path in results.trials.iterdir())
    assert names
    for name in names:
        read_record(results.trial(name).record)
        read_table(results.trial(name), "epochs.parquet")
