import json

import pytest

from ttq_bench.cli import main
from ttq_bench.data.catalog import DATASETS


def test_bundled_images_are_shown_with_their_fingerprint(tmp_path, capsys):
    assert main(["data", "show", "digits", "--data-dir", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert out.startswith(
        "digits: 1,397 training and 400 test images, bundled, fingerprint sha256:"
    )


def test_as_json_images_have_the_fields_of_the_line_and_missing_ones_are_not_found(
    tmp_path, capsys
):
    words = ("--data-dir", str(tmp_path), "--json")
    assert main(["data", "show", "digits", *words]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown.pop("fingerprint").startswith("sha256:")
    assert shown == {
        "dataset": "digits", "found": True, "train_count": 1397, "test_count": 400,
        "format": "bundled", "passed_over": [],
    }  # fmt: skip
    assert main(["data", "show", "cifar10", *words]) == 0
    assert json.loads(capsys.readouterr().out) == {"dataset": "cifar10", "found": False}


def test_a_published_archive_that_is_not_there_is_said_to_be_fetchable(tmp_path, capsys):
    assert main(["data", "show", "cifar10", "--data-dir", str(tmp_path)]) == 0
    assert capsys.readouterr().out == (
        f"cifar10: not in {tmp_path}; `ttq-bench data fetch cifar10` gets it\n"
    )


@pytest.mark.parametrize("name", sorted(n for n in DATASETS if not DATASETS[n].archives))
def test_what_has_no_archive_cannot_be_fetched(tmp_path, capsys, name):
    assert main(["data", "fetch", name, "--data-dir", str(tmp_path)]) == 5
    assert "no published archive" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_an_unknown_dataset_brings_a_proposal(tmp_path, capsys):
    assert main(["data", "show", "cifar-10", "--data-dir", str(tmp_path)]) == 2
    assert "unknown dataset 'cifar-10'; did you mean 'cifar10'?" in capsys.readouterr().err
