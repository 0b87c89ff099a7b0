from tests.record_builders import tables_of, write_grid, write_trial
from ttq_bench.records.schema import Alarm, Gauge
from ttq_bench.report.contents import Contents
from ttq_bench.report.sections.alarms import problems
from ttq_bench.report.sections.experiment_tables import error_tables
from ttq_bench.report.sections.layer_tables import layer_tables
from ttq_bench.report.sections.selfchecks import self_checks

EQUAL = {"layer1.conv1": (1.0, 1.0)}


def gauge(residue, low, high):
    return Gauge(
        layers=18, largest_residue=residue, size="W_p^2 + W_n^2", predicted_factor=0.97,
        seen_low=low, seen_high=high, ratio_low=0.99, ratio_high=1.02,
    )  # fmt: skip


def test_the_worst_residue_and_the_whole_range_of_all_seeds_are_shown(tmp_path):
    for seed, found in enumerate((gauge(0.002, 0.98, 1.1), gauge(0.006, 0.95, 1.0))):
        write_trial(tmp_path, f"t-{seed}", seed=seed, errors=(9.0,), scales=EQUAL, gauge=found)

    rows = [line for line in self_checks(tables_of(tmp_path)) if "TTQ" in line]

    assert len(rows) == 1
    assert "| 2 | 18 | 0.006 | W_p^2 + W_n^2 | 0.970 | 0.950 to 1.100 | 0.990 to 1.020 |" in rows[0]


def test_records_without_self_checks_have_no_such_section(tmp_path):
    write_grid(tmp_path)

    assert list(self_checks(tables_of(tmp_path))) == []


def test_alarms_stand_among_the_trials_that_need_a_look(tmp_path):
    alarm = Alarm(what="negative scale", layer="layer2.conv1", epoch=3)
    write_trial(tmp_path, "t-0", seed=0, errors=(9.0,), scales=EQUAL, alarms=(alarm,))

    lines = list(problems(tables_of(tmp_path), []))

    assert "| t-0 | finished; alarm: negative scale in layer2.conv1 from epoch 3 on |" in lines


def test_methods_that_do_not_learn_a_pair_get_a_cost_and_no_asymmetry(tmp_path):
    write_grid(tmp_path)
    for seed in range(3):
        write_trial(
            tmp_path, f"twn-{seed}", seed=seed, errors=(30.0, 25.0 + seed), parent=f"fp-{seed}",
            scales=EQUAL, method="twn", strategy=("mean_fraction", 0.7),
        )  # fmt: skip

    contents = Contents(tables_of(tmp_path), [])

    row = "| cifar10-jpeg: resnet20, TWN mean_fraction(0.7) |"
    (cost,) = [line for line in error_tables(contents) if line.startswith(row)]
    assert "| +6.00 [" in cost
    layers = "\n".join(layer_tables(contents))
    assert "### resnet20, TTQ" in layers
    assert "### resnet20, TWN" not in layers
