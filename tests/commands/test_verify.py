"""What a user sees: one line each, a count, and the exit code."""

import json
import re
import shutil

import pytest

from ttq_bench.cli import main


def verify(root, *words):
    return main(["verify", "--results", str(root), *map(str, words)])


@pytest.mark.slow
def test_what_agrees_is_counted(drawn, capsys):
    assert verify(drawn / "results", "--readme", drawn / "README.md") == 0
    told = capsys.readouterr()
    assert told.err == ""
    assert re.fullmatch(
        r"verified: 9 records \(9 of older versions: ids not checked\), [\d,]+ cells of \d tables,"
        r" 9 pages, (report\.html, )?summary and README agree\n",
        told.out,
    )


@pytest.mark.slow
def test_differences_are_listed_to_the_twentieth_and_counted(drawn, tmp_path, capsys):
    shutil.copytree(drawn, tmp_path, dirs_exist_ok=True)
    table = tmp_path / "results/tables/epochs.csv"
    header, *rows = table.read_text(encoding="utf-8").splitlines()
    doubled = [re.sub(r",0\.1,1,", ",0.2,2,", row) for row in rows]
    assert len(doubled) == 18
    table.write_text("\n".join([header, *doubled, ""]), encoding="utf-8")
    assert verify(tmp_path / "results") == 6
    told = capsys.readouterr()
    assert told.out.count("\n") == 20
    assert told.out.splitlines()[0] == (
        "tables/epochs.csv: row fp-0, 1, column learning_rate:"
        " '0.2' stands there, the records give '0.1'"
    )
    assert told.err == (
        f"ttq-bench: {tmp_path / 'results'}: 36 differences, the first 20 are shown;"
        " draw the report anew\n"
    )


@pytest.mark.slow
def test_as_json_the_counts_and_all_differences_are_there(drawn, tmp_path, capsys):
    assert verify(drawn / "results", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["records"], found["differences"]) == (9, [])
    assert found["cells"] > 1_000
    assert "summary.md" in found["texts"]

    shutil.copytree(drawn, tmp_path, dirs_exist_ok=True)
    (tmp_path / "results/tables/epochs.csv").unlink()
    assert verify(tmp_path / "results", "--json") == 6
    told = capsys.readouterr()
    assert json.loads(told.out)["differences"] == [
        {"file": "tables/epochs.csv", "place": "", "what": "is missing"}
    ]
    assert told.err.endswith("1 difference; draw the report anew\n")


@pytest.mark.slow
def test_a_changed_record_is_one_difference(drawn, tmp_path, capsys):
    shutil.copytree(drawn, tmp_path, dirs_exist_ok=True)
    table = tmp_path / "results/trials/ttq-1/scales.parquet"
    content = bytearray(table.read_bytes())
    content[100] ^= 1
    table.write_bytes(content)
    assert verify(tmp_path / "results") == 6
    told = capsys.readouterr()
    assert told.out.startswith("trials/ttq-1/scales.parquet: does not agree with SHA")
    assert told.err == (
        f"ttq-bench: {tmp_path / 'results'}: 1 difference; copy or run these trials anew\n"
    )


def test_a_folder_that_is_not_there_is_refused(tmp_path, capsys):
    assert verify(tmp_path / "none") == 2
    assert capsys.readouterr().err == (
        f"ttq-bench: {tmp_path / 'none'}: no such folder; name one with --results\n"
    )
