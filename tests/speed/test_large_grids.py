import pytest

from ttq_bench.errors import TtqBenchError
from ttq_bench.speed import large_grids


@pytest.mark.slow
def test_the_commands_run_over_grids_of_their_own_and_tell_time_and_memory():
    figures = large_grids.measure(seeds=2, reported_seeds=1)

    told = {figure.quantity: figure for figure in figures}
    assert [figure.unit for figure in figures] == ["s", "MB", "s", "MB", "ms", "s", "MB"]
    assert told["plan, 20 trials"].bound == large_grids.ANSWER_SECONDS
    assert told["report, 10 trials of 20 epochs"].bound == large_grids.REPORT_SECONDS
    assert 0 < told["the driver's own time a trial, 20 trials that end at once"].value < 1_000
    for figure in (figure for figure in figures if figure.unit != "ms"):
        # An interpreter with numpy and pydantic has 30 MB at least; this process has more than 300.
        assert 30 < figure.value < 600 if figure.unit == "MB" else 0.05 < figure.value < 100
    assert told["plan, 20 trials: most memory"].value < 150


def test_a_command_that_fails_says_why(tmp_path):
    with pytest.raises(TtqBenchError, match=r"P7: status failed: .*no such folder"):
        large_grids.run_command(tmp_path, "status", "--results", tmp_path / "none")


@pytest.mark.slow
def test_a_size_of_grid_tells_what_its_records_store():
    stored, *commands = large_grids.measure_sizes([20])

    assert stored.quantity == "records of 20 trials of 20 epochs"
    assert 0.1 < stored.value < 10
    assert [figure.quantity for figure in commands] == [
        f"{command}, 20 trials{memory}"
        for command in ("plan", "status", "report")
        for memory in ("", ": most memory")
    ]


def test_files_that_several_trials_share_are_stored_for_each(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    (tmp_path / "a" / "record.json").write_bytes(bytes(100))
    (tmp_path / "b" / "record.json").hardlink_to(tmp_path / "a" / "record.json")
    assert large_grids.stored_bytes(tmp_path) == 200
