"""The checkpoints of a running training, in a local folder and in an object store."""

import random
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from pyarrow.fs import LocalFileSystem

from pipelines.runs.checkpoints import (
    CheckpointName,
    checkpoints,
    newest_checkpoint,
    prune,
    read_checkpoint,
    write_checkpoint,
)
from pipelines.runs.folder import Folder, open_folder
from pix2pix.training_checkpoint import save_training


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return open_folder(str(tmp_path / "run"))


def _write(folder: Folder, step: int, epoch: int | None = None) -> None:
    file = folder.stage() / "training.pt"
    save_training(file, {"step": step, "weights": torch.full((100,), float(step))})
    write_checkpoint(folder, file, step=step, epoch=epoch)


def _steps(folder: Folder) -> list[int]:
    return [name.step for name in checkpoints(folder)]


def _path(folder: Folder, step: int) -> Path:
    (name,) = [name for name in checkpoints(folder) if name.step == step]
    return Path(folder.path, str(name))


def _newest(folder: Folder) -> dict[str, Any]:
    newest = newest_checkpoint(folder)
    assert newest is not None
    return newest[1]


def test_names_contain_step_epoch_and_digest_and_can_be_parsed() -> None:
    for name in (CheckpointName(12, 3, "0123456789abcdef"), CheckpointName(12, None, "f" * 16)):
        assert CheckpointName.parse(str(name)) == name
    assert CheckpointName.parse("run.json") is None
    assert str(CheckpointName(12, 3, "f" * 16)) == f"step_000000012_epoch_0003_{'f' * 16}.pt"


def test_the_newest_is_read_and_an_epoch_s_end_is_newer_than_its_last_step(folder: Folder) -> None:
    assert newest_checkpoint(folder) is None
    for step, epoch in ((4, None), (10, None), (10, 1), (9, None)):
        _write(folder, step, epoch)
    newest = newest_checkpoint(folder)
    assert newest is not None
    assert (newest[0].step, newest[0].epoch) == (10, 1)
    assert torch.equal(newest[1]["weights"], torch.full((100,), 10.0))


def test_a_truncated_checkpoint_is_named_and_the_one_before_is_used(
    folder: Folder, caplog: pytest.LogCaptureFixture
) -> None:
    _write(folder, 1)
    _write(folder, 2)
    path = _path(folder, 2)
    whole = path.read_bytes()
    draw = random.Random(0)
    for length in [0, len(whole) - 1, *(draw.randrange(len(whole)) for _ in range(10))]:
        path.write_bytes(whole[:length])
        caplog.clear()
        assert _newest(folder)["step"] == 1
        assert f"{path} is damaged" in caplog.text
        assert "an earlier checkpoint is tried" in caplog.text


def test_a_checkpoint_with_one_flipped_bit_is_damaged(folder: Folder) -> None:
    _write(folder, 1)
    path = _path(folder, 1)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"is damaged: its SHA-256 begins"):
        read_checkpoint(folder, checkpoints(folder)[0])
    assert newest_checkpoint(folder) is None


def test_a_foreign_file_with_the_right_digest_is_named(folder: Folder) -> None:
    file = folder.stage() / "training.pt"
    file.write_bytes(b"not a checkpoint")
    write_checkpoint(folder, file, step=5, epoch=None)
    with pytest.raises(ValueError, match="is not a readable training checkpoint"):
        read_checkpoint(folder, checkpoints(folder)[0])


def test_the_latest_two_and_the_best_by_dev_l1_are_kept(folder: Folder) -> None:
    for step in range(1, 7):
        _write(folder, 10 * step, step)
    _write(folder, 65)
    dev_l1 = {2: 0.5, 3: 0.1, 4: 0.3, 5: 0.4, 6: 0.6}  # epoch 1 may not be kept
    prune(folder, dev_l1, keep_best=2)
    assert _steps(folder) == [65, 60, 40, 30]
    prune(folder, dev_l1, keep_best=0)
    assert _steps(folder) == [65, 60]


def _damage(folder: Folder, step: int) -> None:
    path = _path(folder, step)
    path.write_bytes(path.read_bytes()[:-1] + b"!")


@pytest.mark.parametrize("damaged", [[3], [2], [3, 2], [1]])
def test_a_damaged_checkpoint_does_not_count_as_one_of_the_latest_two(
    folder: Folder, damaged: list[int]
) -> None:
    for step in range(1, 6):
        _write(folder, step)
    for step in damaged:
        _damage(folder, step + 2)
    prune(folder, {}, keep_best=0)
    assert _steps(folder) == [step for step in (5, 4, 3, 2, 1) if step - 2 not in damaged][:2]
    _damage(folder, _steps(folder)[0])
    assert _newest(folder)["step"] == _steps(folder)[1]


def test_two_undamaged_checkpoints_are_kept_beside_a_newer_damaged_one(folder: Folder) -> None:
    """The damaged one is the newest by name until the training reaches its step again."""
    _write(folder, 10)
    _write(folder, 20)
    _damage(folder, 20)
    _write(folder, 15)
    prune(folder, {}, keep_best=0)
    assert _steps(folder) == [15, 10]


def test_a_damaged_checkpoint_does_not_count_as_one_of_the_best(folder: Folder) -> None:
    for step in range(1, 7):
        _write(folder, step, step)
    _damage(folder, 2)
    prune(folder, {step: 0.1 * step for step in range(2, 7)}, keep_best=1)
    assert _steps(folder) == [6, 5, 3]


def test_if_all_checkpoints_are_damaged_none_is_removed(folder: Folder) -> None:
    for step in (1, 2, 3):
        _write(folder, step)
        _damage(folder, step)
    prune(folder, {}, keep_best=0)
    assert _steps(folder) == [3, 2, 1]


def test_a_checkpoint_that_this_process_wrote_is_not_read_again(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    sha256 = Folder.sha256

    def counted(self: Folder, name: str) -> Any:
        read.append(name)
        return sha256(self, name)

    monkeypatch.setattr(Folder, "sha256", counted)
    for step in range(1, 5):
        _write(folder, step)
        prune(folder, {}, keep_best=0)
    assert (_steps(folder), read) == ([4, 3], [])
    _path(folder, 3).touch()  # now the process does not know whether it is undamaged
    prune(folder, {}, keep_best=0)
    prune(folder, {}, keep_best=0)
    assert (_steps(folder), len(read)) == ([4, 3], 1)


def test_a_failed_write_keeps_earlier_checkpoints_and_names_its_own(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write(folder, 1)

    def full(_self: Folder, _file: Path, _name: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Folder, "adopt", full)
    with pytest.raises(
        OSError, match=r"step_000000002_.*No space left.*\n.*same command continues"
    ):
        _write(folder, 2)
    assert _steps(folder) == [1]


def test_files_of_killed_writers_are_removed_and_are_no_checkpoints(folder: Folder) -> None:
    _write(folder, 1)
    left = Path(folder.path, ".staging_x")
    left.mkdir(parents=True)
    (left / "training.pt").write_bytes(b"half")
    assert _steps(folder) == [1]
    folder.sweep()
    assert not left.exists()
    assert _steps(folder) == [1]


def test_a_local_folder_writes_lists_and_removes_files_and_is_named_by_its_path(
    tmp_path: Path,
) -> None:
    folder = open_folder(str(tmp_path)) / "a" / "b"
    folder.write("run.json", b"{}")
    assert isinstance(folder.filesystem, LocalFileSystem)
    assert (tmp_path / "a" / "b" / "run.json").read_bytes() == b"{}"
    assert (folder.has("run.json"), folder.has("other")) == (True, False)
    assert str(folder) == str(tmp_path / "a" / "b")
    assert folder.names() == ["run.json"]
    folder.remove("run.json")
    folder.remove("run.json")
    assert folder.names() == []


def test_a_store_that_does_not_exist_is_named() -> None:
    location = "carrier-pigeon://coop"
    with pytest.raises(ValueError, match=re.escape(f"train.storage_path: {location}")):
        open_folder(location)
