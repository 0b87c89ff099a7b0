import hashlib
import io
import pickle
import zipfile
from pathlib import Path

import pytest
import torch

from ttq_bench.training.checkpoints import load_state, save_checkpoint, save_state, whole_states


def state(epoch: int) -> dict:
    return {"weight": torch.full((50,), float(epoch)), "epoch": epoch}


@pytest.fixture
def checkpoints(tmp_path: Path) -> Path:
    folder = tmp_path / "made" / "on demand"
    for epoch in (1, 2, 3):
        save_checkpoint(folder, epoch, state(epoch))
    return folder


def newest(checkpoints: Path) -> Path:
    return checkpoints / "epoch-000003.pt"


def latest(folder: Path) -> dict | None:
    return next(whole_states([folder]), None)


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
    newest_state = latest(checkpoints)

    assert newest_state["epoch"] == 3
    assert torch.equal(newest_state["weight"], state(3)["weight"])


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_falls_back_to_the_one_before(checkpoints, damage):
    damage(newest(checkpoints))

    assert latest(checkpoints)["epoch"] == 2


def test_the_damaged_epoch_can_be_saved_anew(checkpoints):
    truncate(newest(checkpoints))

    save_checkpoint(checkpoints, 3, state(3))

    assert latest(checkpoints)["epoch"] == 3


def test_nothing_is_loaded_where_all_is_damaged_or_nothing_was_saved(checkpoints, tmp_path):
    for path in checkpoints.glob("*.pt"):
        truncate(path)

    assert latest(checkpoints) is None
    assert latest(tmp_path / "never") is None


def test_only_the_last_two_are_kept_and_nothing_else_is_left_behind(checkpoints):
    assert sorted(path.name for path in checkpoints.iterdir()) == [
        "epoch-000002.pt", "epoch-000002.sha256", "epoch-000003.pt", "epoch-000003.sha256",
    ]  # fmt: skip


def test_epochs_are_ordered_as_numbers(tmp_path):
    for epoch in (9, 10, 99_999, 100_000):
        save_checkpoint(tmp_path, epoch, state(epoch))

    assert latest(tmp_path)["epoch"] == 100_000


def test_foreign_files_in_the_folder_are_neither_loaded_nor_dropped(checkpoints):
    foreign = checkpoints / "epoch-000009.pt.old"
    foreign.write_bytes(b"mine")

    save_checkpoint(checkpoints, 4, state(4))

    assert latest(checkpoints)["epoch"] == 4
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


def repacked(path: Path, change, kind: int = zipfile.ZIP_STORED, prefix: bytes = b"") -> None:
    """Write a saved state anew, its pickle changed, with a digest that fits."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(path) as before, zipfile.ZipFile(buffer, "w", kind) as after:
        for name in before.namelist():
            content = before.read(name)
            after.writestr(name, change(content) if name.endswith("data.pkl") else content)
    content = prefix + buffer.getvalue()
    path.write_bytes(content)
    path.with_suffix(".sha256").write_text(hashlib.sha256(content).hexdigest())


def call(module: str, name: str, argument: bytes) -> bytes:
    return b"c" + f"{module}\n{name}\n".encode() + argument + b"\x85R"


BILLIONS = pickle.LONG1 + b"\x05" + (8_000_000_000).to_bytes(5, "little")
HARMFUL = {
    "a bytearray of 8 billion": call("builtins", "bytearray", BILLIONS),
    "one of Python 2": call("__builtin__", "bytearray", BILLIONS),
    "a storage of 8 billion": call("torch.storage", "UntypedStorage", BILLIONS),
    "a parameter": call("torch.nn", "Parameter", pickle.NONE),
    "a size": call("torch", "Size", pickle.EMPTY_TUPLE),
    "a device": call("torch", "device", b"X\x03\0\0\0cpu"),
    "a class by INST": b"(ibuiltins\nbytearray\n",
    "an extension": b"\x82\x01",
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(HARMFUL))
def test_a_pickle_that_calls_other_things_is_refused_before_it_is_loaded(
    tmp_path, monkeypatch, name
):
    path = tmp_path / "weights.pt"
    save_state(path, state(1))
    repacked(path, lambda content: content[:2] + HARMFUL[name] + b"0" + content[2:])
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("loaded"))
    assert load_state(path) is None


def test_a_file_that_torch_would_read_another_way_is_refused(tmp_path):
    path = tmp_path / "weights.pt"
    same: dict[str, dict] = {
        "prefix": {"prefix": bytes(8)},
        "packed": {"kind": zipfile.ZIP_DEFLATED},
    }
    for options in same.values():
        save_state(path, state(1))
        repacked(path, lambda content: content, **options)
        assert load_state(path) is None
    save_state(path, state(1))
    repacked(path, lambda content: content)
    assert load_state(path) is not None


@pytest.mark.parametrize(
    "value",
    [
        torch.zeros(()).expand(10**12),
        torch.eye(3).to_sparse(),
        torch.zeros(2, device="meta"),
        torch.zeros(1, dtype=torch.complex64),
        {1, 2},
        torch.float32,
        torch.nn.Parameter(torch.zeros(1)),
    ],
    ids=str,
)  # fmt: skip
def test_a_state_of_other_things_than_dense_tensors_and_plain_values_is_refused(tmp_path, value):
    save_state(tmp_path / "weights.pt", {"a": [value]})
    assert load_state(tmp_path / "weights.pt") is None


def test_a_file_of_more_bytes_than_any_state_has_is_not_read(tmp_path):
    path = tmp_path / "weights.pt"
    save_state(path, state(1))
    with path.open("r+b") as stream:
        stream.truncate(1 << 40)
    assert load_state(path) is None


def test_what_is_no_mapping_is_not_a_state(tmp_path):
    save_state(tmp_path / "weights.pt", [1, 2])

    assert load_state(tmp_path / "weights.pt") is None


@pytest.mark.parametrize("suffix", [".pt", ".sha256"])
def test_a_disk_that_fails_to_read_is_not_taken_for_damage(checkpoints, suffix):
    path = newest(checkpoints).with_suffix(suffix)
    path.unlink()
    path.symlink_to(path.name)  # reading it fails with an error of the system: too many links

    with pytest.raises(OSError, match="symbolic links"):
        next(whole_states([checkpoints]))
    with pytest.raises(OSError, match="symbolic links"):
        load_state(newest(checkpoints))


def test_a_state_within_an_epoch_comes_between_those_around_it(tmp_path):
    for epoch, step in ((1, 0), (1, 20), (1, 100)):
        save_checkpoint(tmp_path, epoch, state(epoch) | {"step": step}, step=step)
    assert latest(tmp_path)["step"] == 100
    assert [found["step"] for found in whole_states([tmp_path])] == [100, 20]
    save_checkpoint(tmp_path, 2, state(2) | {"step": 0})
    assert [found["step"] for found in whole_states([tmp_path])] == [0, 100]
