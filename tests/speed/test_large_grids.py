import pytest

from ttq_bench.errors import TtqBenchError
from ttq_bench.speed import large_grids


def test_the_commands_run_over_grids_of_their_own_and_tell_time_and_memory():
    figures = large_grids.measure(seeds=2, reported_seeds=1)

    told = {figure.quantity: figure for figure in figures}
    assert [figure.unit for figure in figures] == ["s", "MB"] * 3
    assert told["plan, 20 trials"].bound == large_grids.ANSWER_SECONDS
    assert told["report, 10 trials of 20 epochs"].bound == large_grids.REPORT_SECONDS
    for figure in figures:
        # An interpreter with numpy and pydantic has 30 MB at least; this process has more than 300.
        assert 30 < figure.value < 600 if figure.unit == "MB" else 0.05 < figure.value < 100
    assert told["plan, 20 trials: most memory"].value < 150


def test_a_command_that_fails_says_why(tmp_path):
    with pytest.raises(TtqBenchError, match=r"P7: status failed: .*no such folder"):
        large_grids.run_command(tmp_path, "status", "--results", tmp_path / "none")
