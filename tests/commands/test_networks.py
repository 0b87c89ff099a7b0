"""``networks`` counts what can be used, publishes the rest anew, and names what it cannot."""

import json
import shutil

import pytest

from ttq_bench.cli import main
from ttq_bench.records.networks import is_whole, read_network
from ttq_bench.records.paths import ResultsPaths


@pytest.fixture
def results(whole, tmp_path):
    shutil.copytree(whole, tmp_path / "results")
    return ResultsPaths(tmp_path / "results")


@pytest.fixture
def network(results):
    return min(results.networks.iterdir())


def cut(network):
    """Halve a network; other damage: ``tests/records/test_networks.py``."""
    content = network.read_bytes()
    network.write_bytes(content[: len(content) // 2])


@pytest.fixture
def networks(results, answer):
    return lambda: answer("networks", "--results", results.root)


def test_a_damaged_network_is_published_anew_from_the_weights(network, networks):
    before = read_network(network)
    cut(network)

    code, out, err = networks()

    assert (code, err) == (0, "")
    assert "1 published now" in out
    assert read_network(network).metadata == before.metadata


def test_as_json_each_network_has_its_bytes_and_what_cannot_be_used_its_reason(
    results, network, capsys
):
    shutil.rmtree(results.root / "work")
    cut(network)
    assert main(["networks", "--results", str(results.root), "--json"]) == 2
    told = json.loads(capsys.readouterr().out)
    assert told["published_now"] == 0
    assert told["bytes"]["full precision"] == {network.stem: 0}
    assert len(told["bytes"]["quantized"]) == 2
    assert all(told["bytes"]["quantized"].values())
    assert told["unusable"][network.stem].startswith(f"{network}: not a published network (")


def test_a_damaged_network_without_weights_is_named_and_not_counted(results, network, networks):
    shutil.rmtree(results.root / "work")
    cut(network)

    code, out, err = networks()

    assert code == 2
    assert "0 published now" in out
    assert "full precision: 0 of 1 trials have their network\n" in out
    assert "quantized: 2 of 2 trials have their network" in out
    assert err.startswith(f"ttq-bench: {network}: not a published network (")
    assert err.count("\n") == 1


def test_a_folder_or_a_lost_link_in_the_place_of_a_network_is_left_and_named(network, networks):
    network.unlink()
    network.mkdir()
    code, out, err = networks()
    assert (code, err) == (
        2, f"ttq-bench: {network}: cannot be read (Is a directory); move this folder elsewhere\n"
    )  # fmt: skip
    assert "full precision: 0 of 1" in out

    network.rmdir()
    network.symlink_to("nowhere")
    code, out, err = networks()
    assert code == 2
    assert "cannot be read (No such file or directory); the file that this link names" in err
    assert network.is_symlink()


def test_several_networks_that_cannot_be_used_are_counted(results, networks):
    shutil.rmtree(results.root / "work")
    for path in results.networks.iterdir():
        path.write_bytes(b"")
    assert "(2 more networks cannot be used)" in networks().err


def test_a_missing_network_is_published_from_the_weights(network, networks):
    network.unlink()
    code, out, _ = networks()
    assert code == 0
    assert "1 published now" in out
    assert is_whole(network)
