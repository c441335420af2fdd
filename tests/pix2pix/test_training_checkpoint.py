from pathlib import Path

import pytest
import torch

from pix2pix.training_checkpoint import load_training, save_training


def test_a_training_state_is_loaded_as_it_was_saved(tmp_path: Path) -> None:
    path = tmp_path / "training.pt"
    save_training(path, {"epoch": 2, "weights": torch.arange(3.0)})
    state = load_training(path.read_bytes(), name=str(path))
    assert state["epoch"] == 2
    assert torch.equal(state["weights"], torch.arange(3.0))


def test_a_training_state_that_cannot_be_written_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"missing.training\.pt"):
        save_training(tmp_path / "missing" / "training.pt", {"epoch": 2})


@pytest.mark.parametrize("length", [0, 1, 100, 500])
def test_a_truncated_training_state_is_named(tmp_path: Path, length: int) -> None:
    path = tmp_path / "training.pt"
    save_training(path, {"weights": torch.zeros(1000)})
    data = path.read_bytes()[:length]
    with pytest.raises(ValueError, match=r"training\.pt is not a readable training checkpoint"):
        load_training(data, name=str(path))


@pytest.mark.parametrize("content", [{"epoch": 1}, [1, 2], {"format": 99}])
def test_a_foreign_file_is_no_training_state(tmp_path: Path, content: object) -> None:
    path = tmp_path / "training.pt"
    torch.save(content, path)
    with pytest.raises(ValueError, match="is not a training checkpoint of format 2"):
        load_training(path.read_bytes(), name=str(path))


def test_a_training_state_that_would_run_code_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "training.pt"
    torch.save({"format": 2, "evil": len}, path)
    with pytest.raises(ValueError, match="is not a readable training checkpoint"):
        load_training(path.read_bytes(), name=str(path))
