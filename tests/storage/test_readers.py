"""What reads finished results at a URL, on machines that trained none of them."""

import json
import re

import pytest

from tests.storage.conftest import copy

pytestmark = pytest.mark.slow


@pytest.fixture
def stored(trained, objects):
    """A copy of a finished run's results, to change."""
    copy(trained.url, objects)
    return objects


def test_a_network_is_exported_on_a_machine_that_did_not_train_it(ask, stored, tmp_path):
    code, said = ask("export", "constant_sparsity", "--to", tmp_path / "exported")
    assert code == 0, said
    assert len(list((tmp_path / "exported").glob("*.safetensors"))) == 1
    assert not list((tmp_path / "second").rglob("epoch-*.pt"))  # weights alone were brought
    stored.delete(name for name in stored.names("work") if "weights" in name)
    stored.delete(stored.names("networks"))
    code, said = ask("export", "max_fraction", "--to", tmp_path / "exported")
    assert code == 2
    assert f"{stored.url}/networks/" in said
    assert "is missing or damaged, too" in said


def test_probes_are_made_anywhere_and_seen_everywhere(ask, stored):
    names = [name for folder in ("work", "networks") for name in stored.names(folder)]
    stored.delete(name for name in names if "ttq-max_fraction" in name)
    code, said = ask("probe", "--threads", "1")
    assert code == 0, said
    end = "have no network in networks/ or work/\n"
    assert f"{stored.url}: 1 probed, 0 were there already, 1 {end}" in said
    assert f"run `ttq-bench report --results {stored.url}` now: the report lacks" in said
    (name,) = stored.names("probes")
    assert "ttq-constant_sparsity" in name
    code, said = ask("probe", "constant", "--threads", "1", machine="third")
    assert said == f"{stored.url}: 0 probed, 1 were there already, 0 {end}"


def test_results_at_two_urls_and_in_a_folder_are_compared(ask, stored, trained, tmp_path):
    code, said = ask("compare", trained.url, where=(stored.url,))
    assert code == 0, said
    assert said.startswith(f"A = {trained.url}, B = {stored.url}; ")
    assert "trials: 3 equal to the bit, 0 with other numbers" in said
    name = next(name for name in stored.names("trials"))
    content = bytearray(stored.read(name))
    content[600] ^= 1
    stored.write(name, bytes(content))
    code, said = ask("compare", trained.url, where=(stored.url,), machine="third")
    assert code == 2
    assert said.startswith(f"ttq-bench: {stored.url}/{name}: does not agree")
    code, said = ask("compare", trained.url, where=(tmp_path / "none",))
    assert (code, "no such folder" in said) == (2, True)


def test_the_doctor_tries_the_store_and_leaves_nothing_there(ask, stored):
    before = stored.names()
    _, said = ask("doctor", "--json")
    rows = {row["check"]: row for row in json.loads(said)["checks"]}
    assert rows["results"]["found"] == (
        f"{stored.url}: objects can be put once, read, listed and deleted"
    )
    assert "disk of --results" not in rows
    assert stored.names() == before
    _, said = ask("doctor", "--json", where=("--results", "s3://no-such-bucket/x"))
    (problem,) = [row for row in json.loads(said)["checks"] if row["check"] == "results"]
    assert (problem["state"], problem["code"]) == ("problem", 2)
    assert problem["found"] == "s3://no-such-bucket/x: there is no such bucket"


def test_a_command_that_measures_this_machine_takes_no_url(ask):
    code, said = ask("speed", "P1")
    assert code == 2
    assert re.search("expected a folder, got the URL .*which is no result", said)
