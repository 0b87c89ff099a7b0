"""The table of scales: controls, layers apart, and what an arm without any rho shows."""

import pytest

from tests.record_builders import write_trial
from ttq_bench.analysis.asymmetry import asymmetry
from ttq_bench.analysis.tables import load_tables
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.report.sections.rho_and_error_tables import HEADER, SIZE, rho_table


def rows_of(root, columns=HEADER):
    tables = load_tables(ResultsPaths(root))
    lines = rho_table(asymmetry(tables), tables)[2:-1]
    return [
        dict(zip(columns, (c.strip() for c in line.strip("| ").split(" | ")), strict=True))
        for line in lines
    ]


def write(root, method="ttq", scales=((1.2, 1.0), (1.1, 1.0)), fed=("yes", "yes")):
    by_layer = dict(zip("ab", fed, strict=True))
    for seed in range(3):
        write_trial(
            root, f"{method}-{seed}", seed=seed, errors=(9.0,), method=method,
            scales={name: (p + 0.001 * seed, n) for name, (p, n) in zip("ab", scales, strict=True)},
            changes=lambda _, layer: {"feeds_batch_norm": by_layer[layer]},
        )  # fmt: skip


def test_raw_and_systematic_size_stand_beside_noise_direction_and_signs(tmp_path):
    write(tmp_path)
    (row,) = rows_of(tmp_path)
    assert row["systematic size of ρ"] == row["raw size"] == "0.140 [0.138, 0.142]"
    assert row["noise alone"] == "0.001"
    assert row["mean ρ"] == "+0.140 [+0.138, +0.142]"
    assert row["one sign in all seeds"] == "2 of 2 (0.5 by chance)"
    assert row["different"] == "supported"


def test_layers_that_feed_no_batch_normalisation_have_a_row_of_their_own(tmp_path):
    write(tmp_path, fed=("yes", "no"))
    fed, unfed = rows_of(tmp_path, (*HEADER, SIZE))
    assert unfed["arm"] == f"{fed['arm']}; layers that feed no BN"
    assert (fed["raw size"][:5], unfed["raw size"][:5]) == ("0.183", "0.096")
    assert (fed["different"], unfed["different"]) == ("supported", "–")
    # W_p of 1.1, 1.101, 1.102 over W_n of 1, from scales of 1: the root of each
    assert (fed[SIZE], unfed[SIZE]) == ("–", "1.05 [1.05, 1.05]")


@pytest.mark.parametrize(
    ("method", "fed", "shown"),
    [
        ("ttq-as-printed", "yes", "control"),
        ("ttq-as-printed", "no", "supported"),  # the printed sign pins nothing there
        ("ttq-mean-grad", "no", "control"),
        ("ttq", "yes", "supported"),
    ],
)
def test_an_arm_whose_training_holds_rho_is_a_control(tmp_path, method, fed, shown):
    write(tmp_path, method, fed=(fed, fed))
    (row,) = rows_of(tmp_path, HEADER if fed == "yes" else (*HEADER, SIZE))
    assert row["different"] == shown


def test_an_arm_without_any_rho_has_no_numbers(tmp_path):
    write(tmp_path, scales=((-1.2, 1.0), (1.1, 1.0)))
    (row,) = rows_of(tmp_path)
    assert row["n"] == "0"
    assert row["one sign in all seeds"] == row["mean ρ"] == row["noise alone"] == "–"
    assert row["different"] == "undecided"
