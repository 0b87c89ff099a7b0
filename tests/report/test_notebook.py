"""``results/explore.ipynb``: its cells run on the committed tables, and reports leave it alone.

Cells are run one after the other in a plain process of Python, not in a Jupyter kernel: nbclient
and ipykernel would add 30 packages to the lock. What cells display is not looked at.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from tests.record_builders import write_trial
from ttq_bench.cli import main
from ttq_bench.records.ownership import listed

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "results" / "explore.ipynb"
RUN = """
import json, sys
names = {}
for number, cell in enumerate(json.load(open(sys.argv[1], encoding="utf-8"))["cells"]):
    if cell["cell_type"] == "code":
        exec(compile("".join(cell["source"]), f"cell {number}", "exec"), names)
figures = names["plt"].get_fignums()
for number in figures:
    names["plt"].figure(number).savefig(f"{sys.argv[2]}/{number}.png")
drawn = {"/".join(key): rows.groupby("layer")["rho"].mean().to_dict()
         for key, rows in names["drawn"].items()}
table = names["table"]["error_percent"].reset_index().to_dict("records")
print(json.dumps({"figures": len(figures), "drawn": drawn, "table": table}))
"""


def test_the_notebook_is_small_and_holds_no_output():
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    assert (notebook["nbformat"], NOTEBOOK.stat().st_size < 20_000) == (4, True)
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert len(cells) >= 3
    assert [(cell["outputs"], cell["execution_count"]) for cell in cells] == [([], None)] * len(
        cells
    )


@pytest.mark.slow
@pytest.mark.parametrize("folder", [ROOT, ROOT / "results"], ids=["checkout", "results"])
def test_the_cells_draw_the_figure_and_the_table_of_the_committed_tables(folder, tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", RUN, str(NOTEBOOK), str(tmp_path)],
        cwd=folder, env={"MPLBACKEND": "agg", "MPLCONFIGDIR": str(tmp_path), "PATH": ""},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)

    tables = ROOT / "results" / "tables"
    means = pd.read_csv(tables / "asymmetry.csv")
    means = means[(means["arm"] == "ttq") & (means["strategy"] == "max_fraction(0.05)")]
    settings = means.groupby(["dataset", "protocol", "model"], sort=False)
    assert told["figures"] == len(told["drawn"]) == settings.ngroups >= 3
    for setting, rows in settings:
        expected = rows.groupby("layer")["rho_mean"].mean().to_dict()
        assert told["drawn"]["/".join(setting)] == pytest.approx(expected, rel=1e-3, abs=1e-4)
    errors = pd.read_csv(tables / "comparison.csv")
    assert len(told["table"]) == len(errors)
    shown = [float(row["error_percent"].partition(" ")[0]) for row in told["table"]]
    assert shown == pytest.approx(errors["error_mean"].to_list(), abs=0.00501)
    assert len(list(tmp_path.glob("*.png"))) == told["figures"]


def test_a_report_neither_lists_changes_nor_removes_the_notebook(tmp_path, capsys):
    root = tmp_path / "results"
    write_trial(root, "fp-0", seed=0, errors=(21.0, 20.0))
    shutil.copy(NOTEBOOK, root)
    for _ in range(2):
        assert main(["report", "--results", str(root)]) == 0

    assert (root / NOTEBOOK.name).read_bytes() == NOTEBOOK.read_bytes()
    assert NOTEBOOK.name not in listed(root)
    assert NOTEBOOK.name not in capsys.readouterr().err
    assert main(["verify", "--results", str(root)]) == 0
