import hashlib
from pathlib import Path

import pytest
import torch

from ttq_bench.training.checkpoints import Checkpoints, load_state, save_state, whole_states


def state(epoch: int) -> dict:
    return {"weight": torch.full((50,), float(epoch)), "epoch": epoch}


@pytest.fixture
def checkpoints(tmp_path: Path) -> Checkpoints:
    kept = Checkpoints(tmp_path / "made" / "on demand")
    for epoch in (1, 2, 3):
        kept.save(epoch, state(epoch))
    return kept


def newest(checkpoints: Checkpoints) -> Path:
    return checkpoints.folder / "epoch-000003.pt"


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def flip_a_bit(path: Path) -> None:
    """Flip one bit of a weight: torch alone would load it without a word."""
    content = bytearray(path.read_bytes())
    place = content.index(state(3)["weight"].numpy().tobytes())
    content[place] ^= 1
    path.write_bytes(bytes(content))


def lose_the_digest(path: Path) -> None:
    path.with_suffix(".sha256").unlink()


def empty_the_digest(path: Path) -> None:
    path.with_suffix(".sha256").write_bytes(b"")


def spoil_the_digest(path: Path) -> None:
    path.with_suffix(".sha256").write_bytes(b"\xff\xfe")


def lose_the_state(path: Path) -> None:
    path.unlink()


DAMAGES = [
    truncate, empty, flip_a_bit, lose_the_digest, empty_the_digest, spoil_the_digest,
    lose_the_state,
]  # fmt: skip


def test_the_newest_state_comes_back_as_it_was(checkpoints):
    latest = checkpoints.load_latest()

    assert latest["epoch"] == 3
    assert torch.equal(latest["weight"], state(3)["weight"])


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_falls_back_to_the_one_before(checkpoints, damage):
    damage(newest(checkpoints))

    assert checkpoints.load_latest()["epoch"] == 2


def test_the_damaged_epoch_can_be_saved_anew(checkpoints):
    truncate(newest(checkpoints))

    checkpoints.save(3, state(3))

    assert checkpoints.load_latest()["epoch"] == 3


def test_nothing_is_loaded_where_all_is_damaged_or_nothing_was_saved(checkpoints, tmp_path):
    for path in checkpoints.folder.glob("*.pt"):
        truncate(path)

    assert checkpoints.load_latest() is None
    assert Checkpoints(tmp_path / "never").load_latest() is None


def test_only_the_last_two_are_kept_and_nothing_else_is_left_behind(checkpoints):
    assert sorted(path.name for path in checkpoints.folder.iterdir()) == [
        "epoch-000002.pt", "epoch-000002.sha256", "epoch-000003.pt", "epoch-000003.sha256",
    ]  # fmt: skip


def test_epochs_are_ordered_as_numbers(tmp_path):
    kept = Checkpoints(tmp_path)
    for epoch in (9, 10, 99_999, 100_000):
        kept.save(epoch, state(epoch))

    assert kept.load_latest()["epoch"] == 100_000


def test_foreign_files_in_the_folder_are_neither_loaded_nor_dropped(checkpoints):
    foreign = checkpoints.folder / "epoch-000009.pt.old"
    foreign.write_bytes(b"mine")

    checkpoints.save(4, state(4))

    assert checkpoints.load_latest()["epoch"] == 4
    assert foreign.read_bytes() == b"mine"


def test_the_digest_is_the_one_of_the_file(tmp_path):
    path = tmp_path / "weights.pt"

    digest = save_state(path, state(1))

    assert digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert path.with_suffix(".sha256").read_text() == digest


def test_a_file_that_would_run_code_is_not_loaded_though_its_digest_fits(tmp_path):
    class Call:
        def __reduce__(self):
            return Path.touch, (tmp_path / "ran",)

    path = tmp_path / "weights.pt"
    save_state(path, {"epoch": Call()})

    assert load_state(path) is None
    assert not (tmp_path / "ran").exists()


def test_what_is_no_mapping_is_not_a_state(tmp_path):
    save_state(tmp_path / "weights.pt", [1, 2])

    assert load_state(tmp_path / "weights.pt") is None


@pytest.mark.parametrize("suffix", [".pt", ".sha256"])
def test_a_disk_that_fails_to_read_is_not_taken_for_damage(checkpoints, suffix):
    path = newest(checkpoints).with_suffix(suffix)
    path.unlink()
    path.symlink_to(path.name)  # reading it fails with an error of the system: too many links

    with pytest.raises(OSError, match="symbolic links"):
        next(whole_states([checkpoints.folder]))
    with pytest.raises(OSError, match="symbolic links"):
        load_state(newest(checkpoints))


def test_a_state_within_an_epoch_comes_between_those_around_it(tmp_path):
    kept = Checkpoints(tmp_path)
    for epoch, step in ((1, 0), (1, 20), (1, 100)):
        kept.save(epoch, state(epoch) | {"step": step}, step=step)
    assert kept.load_latest()["step"] == 100
    assert [found["step"] for found in whole_states([tmp_path])] == [100, 20]
    kept.save(2, state(2) | {"step": 0})
    assert [found["step"] for found in whole_states([tmp_path])] == [0, 100]
