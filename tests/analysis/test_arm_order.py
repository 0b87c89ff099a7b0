from tests.record_builders import write_trial
from ttq_bench.analysis.tables import load_tables
from ttq_bench.records.paths import ResultsPaths

SCALES = {"layer1.conv1": (1.0, 1.0)}


def test_arms_stand_in_the_order_of_the_table_of_methods_and_unknown_ones_last(tmp_path):
    write_trial(tmp_path, "fp", seed=0, errors=(9.0,))
    for method in ("twn", "a-method-of-tomorrow", "ttq", "bwn", "ttq-tied"):
        write_trial(
            tmp_path, method, seed=0, errors=(9.0,), parent="fp", scales=SCALES, method=method
        )
    write_trial(tmp_path, "on", seed=0, errors=(9.0,), parent="fp")

    arms = [arm.arm for arm in load_tables(ResultsPaths(tmp_path)).arms()]

    assert arms == [
        "full_precision", "full_precision_continued", "ttq", "ttq-tied", "twn", "bwn",
        "a-method-of-tomorrow",
    ]  # fmt: skip
