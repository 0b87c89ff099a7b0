"""``--dataset``: other images than the suite's, of the table or of a folder."""

import json
from pathlib import Path

import pytest

from tests.data import builders
from tests.tiny_suite import write_suite
from ttq_bench.cli import main
from ttq_bench.commands.options import DATA_DIR, chosen_images
from ttq_bench.data.published import FASHION_MNIST
from ttq_bench.errors import TtqBenchError
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.plans import read_planned


def image_folder(folder, *, shape=(28, 28, 1), names=("ant", "bee", "cat")):
    """Twenty training and eight test images of each class, in shades that tell them apart."""
    for split, count in (("train", 20), ("val", 8)):
        for shade, name in enumerate(names):
            (folder / split / name).mkdir(parents=True)
            for row, image in enumerate(builders.random_images(count, shape, seed=shade)):
                content = builders.png(image // 4 + 60 * shade)
                (folder / split / name / f"{row}.png").write_bytes(content)
    return folder


@pytest.fixture
def words(tmp_path):
    """Options of the tiny suite, in this process."""
    suite = write_suite(tmp_path, epochs=1)
    return [str(suite), "--results", str(tmp_path / "results"), "--backend", "inprocess"]


def test_a_name_stays_a_name_and_a_folder_is_its_own_place():
    assert chosen_images("svhn", Path("elsewhere")) == ("svhn", Path("elsewhere"))
    assert chosen_images("folder:a/b", DATA_DIR) == ("folder", Path("a/b"))
    assert chosen_images("folder:a:b", Path("a:b")) == ("folder", Path("a:b"))


@pytest.mark.parametrize("asked", ["folder:", "file:/x", ":x", "cifar10:x"])
def test_what_is_neither_is_refused(asked):
    with pytest.raises(TtqBenchError, match=rf"^'{asked}' is no dataset; write .* or folder:PATH"):
        chosen_images(asked, DATA_DIR)


def test_another_data_folder_beside_it_is_refused():
    with pytest.raises(TtqBenchError, match=r"--data-dir y: folder:x names its place itself"):
        chosen_images("folder:x", Path("y"))


def test_a_dataset_of_the_table_takes_the_place_of_the_suites(words, tmp_path, capsys):
    place = ["--dataset", "fashion_mnist", "--data-dir", str(tmp_path / "none")]
    assert main(["plan", *words, *place, "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert {trial["spec"]["dataset"] for trial in plan["trials"]} == {"fashion_mnist"}
    assert main(["plan", *words, *place]) == 0
    told = capsys.readouterr().out
    assert "images: fashion_mnist, 60,000 training and 10,000 test (" in told
    assert "none/fashion_mnist, to be downloaded)" in told


REFUSED = {
    "fashion-mnist": (
        2,
        "datasets.0: unknown dataset 'fashion-mnist'; did you mean 'fashion_mnist'",
    ),
    "svhn": (2, "models: 'lenet5' takes images of (1, 28, 28), 'svhn' has (3, 32, 32)"),
    "folder:none": (5, "none: no such folder; folder:PATH is one with train/ and test/ in it"),
}


@pytest.mark.parametrize("asked", sorted(REFUSED))
@pytest.mark.parametrize("command", ["plan", "run"])
def test_images_that_do_not_fit_are_refused_in_one_sentence(
    words, tmp_path, capsys, command, asked
):
    code, said = REFUSED[asked]
    assert main([command, *words, "--dataset", asked]) == code
    assert said in capsys.readouterr().err
    assert not (tmp_path / "results").exists()


def test_a_folder_of_another_size_is_refused_before_anything_is_trained(words, tmp_path, capsys):
    folder = image_folder(tmp_path / "birds", shape=(28, 30, 1))
    assert main(["run", *words, "--dataset", f"folder:{folder}"]) == 2
    assert "'lenet5' takes images of (1, 28, 28), all of folder-birds are (1, 28, 30); resize" in (
        capsys.readouterr().err
    )
    assert not (tmp_path / "results").exists()


@pytest.mark.slow
def test_a_folder_goes_the_whole_way(words, tmp_path, capsys):
    folder, results = image_folder(tmp_path / "birds"), str(tmp_path / "results")
    chosen = ["--dataset", f"folder:{folder}"]

    assert main(["run", *words, *chosen]) == 0
    told = capsys.readouterr().out
    assert "images: folder-birds, 60 training and 24 test" in told
    assert "3/3 trials" in told

    summary = (tmp_path / "results/summary.md").read_text(encoding="utf-8")
    assert "images of the folder 'birds', no published set" in summary
    assert str(tmp_path) not in summary
    (planned,) = read_planned(ResultsPaths(tmp_path / "results"))
    assert planned.profile == "folder-birds"

    assert main(["plan", *words, *chosen]) == 0
    assert "3 trials: 3 done, 0 to run" in capsys.readouterr().out
    assert main(["verify", "--results", results]) == 0
    assert main(["probe", "--results", results, "--data-dir", str(folder)]) == 0
    assert "2 probed" in capsys.readouterr().out
    export = ["export", "ttq-max_fraction", "--results", results, "--to", str(tmp_path / "to")]
    assert main(export) == 0
    assert "its logits are the same to the bit" in capsys.readouterr().out


def test_a_folder_that_changed_since_the_plan_is_another_one(words, tmp_path, capsys):
    folder = image_folder(tmp_path / "birds")
    assert main(["run", *words, "--dataset", f"folder:{folder}", "--no-report"]) == 0
    (folder / "train/ant/0.png").unlink()
    assert main(["plan", *words, "--dataset", f"folder:{folder}"]) == 0
    assert "3 trials: 0 done, 3 to run" in capsys.readouterr().out
    assert main(["probe", "--results", str(tmp_path / "results"), "--data-dir", str(folder)]) == 5
    assert "the trial was planned with folder-birds" in capsys.readouterr().err


def test_a_folder_is_shown_and_cannot_be_fetched(tmp_path, capsys):
    folder = image_folder(tmp_path / "birds")
    assert main(["data", "show", f"folder:{folder}"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("folder-birds: 60 training and 24 test images, folders, fingerprint sha")
    assert main(["data", "fetch", f"folder:{folder}"]) == 5
    assert "folder: there is no published archive to fetch" in capsys.readouterr().err


def test_published_files_of_other_bytes_are_refused_before_they_are_opened(tmp_path, capsys):
    folder = tmp_path / "fashion_mnist"
    folder.mkdir()
    for file in FASHION_MNIST.files:
        (folder / file.file_name).write_bytes(b"other bytes")
    assert main(["data", "show", "fashion_mnist", "--data-dir", str(tmp_path)]) == 5
    assert "train-images-idx3-ubyte.gz: md5 is" in capsys.readouterr().err


def test_a_tilde_in_the_place_of_a_folder_is_the_home_of_the_user(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    image_folder(tmp_path / "birds")
    assert main(["data", "show", "folder:~/birds"]) == 0
    assert capsys.readouterr().out.startswith("folder-birds: ")
    assert main(["data", "show", "folder:~nobody-of-this-name/x"]) == 2
    assert "~nobody-of-this-name/x: whose home that is cannot" in capsys.readouterr().err
