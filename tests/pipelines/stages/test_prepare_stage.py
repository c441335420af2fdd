"""Bad input at the stage a user runs: one message, exit code 1, nothing written, nothing lost."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipelines.entrypoint import TRY_AGAIN, run
from pipelines.repository.presets import complete_preset
from pipelines.stages import ingest, prepare
from pix2pix.config import SyntheticConfig
from pix2pix.sources.synthetic import write_synthetic

ROOT = Path(__file__).parents[3]


@pytest.fixture
def pairs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A sound folder of pairs, 64 px, and params.yaml that names it; the current folder."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "pairs"
    write_synthetic(folder, SyntheticConfig(num_train=8, num_test=3, size_px=64, seed=0))
    text = complete_preset("smoke", ROOT)
    text = text.replace("source: synthetic", "source: folder").replace(
        "path: data/raw", "path: pairs"
    )
    (tmp_path / "params.yaml").write_text(text)
    return folder


def _fails(capsys: pytest.CaptureFixture[str]) -> str:
    """Run the stage, which must fail; its message."""
    with pytest.raises(SystemExit) as caught:
        run(prepare.main)
    assert caught.value.code == 1
    assert not Path("data/prepared").exists()
    return capsys.readouterr().err


def _replace(text: str, by: str) -> None:
    params = Path("params.yaml")
    assert text in params.read_text()
    params.write_text(params.read_text().replace(text, by))


def _truncate(folder: Path) -> None:
    image = cv2.imread(str(folder / "train" / "0001.png"))
    cv2.imwrite(str(folder / "train" / "0001.jpg"), image)
    (folder / "train" / "0001.png").unlink()
    path = folder / "train" / "0001.jpg"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _write(name: str, image: np.ndarray) -> Callable[[Path], None]:
    return lambda folder: assert_written(folder / "train" / name, image)


def assert_written(path: Path, image: np.ndarray) -> None:
    assert cv2.imwrite(str(path), image)


_NOISE = np.random.default_rng(0).integers(0, 256, (512, 512, 3)).astype(np.uint8)


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (_truncate, ["train/0001.jpg", "truncated"]),
        (lambda folder: (folder / "train" / "0001.png").write_text("hello"), ["train/0001.png"]),
        (_write("odd.png", _NOISE[:, :157]), ["train/odd.png", "157"]),
        (_write("gray.png", _NOISE[:64, :128, 0]), ["train/gray.png", "channel"]),
        (
            _write("deep.png", _NOISE[:64, :128].astype(np.uint16) * 257),
            ["train/deep.png", "uint16"],
        ),
        (_write("tiny.png", _NOISE[:16, :32]), ["train/tiny.png", "16"]),
        (
            lambda folder: shutil.copy(folder / "train" / "0001.png", folder / "test" / "copy.png"),
            ["train/0001", "test/copy"],
        ),
    ],
    ids=["truncated", "text", "odd-width", "gray", "16-bit", "small", "leak"],
)
def test_a_bad_file_is_named_and_nothing_is_prepared(
    pairs: Path,
    capsys: pytest.CaptureFixture[str],
    spoil: Callable[[Path], object],
    expected: list[str],
) -> None:
    spoil(pairs)
    message = _fails(capsys)
    assert all(part in message for part in expected), message
    assert "on_bad_pair: exclude" in message
    report = json.loads(Path("reports/checks.json").read_text())
    assert len(report["offences"]) == 1  # kinds


def test_excluding_leaves_the_bad_file_out_and_says_so(pairs: Path) -> None:
    _truncate(pairs)
    _replace("on_bad_pair: fail", "on_bad_pair: exclude")
    run(prepare.main)
    manifest = json.loads(Path("data/prepared/manifest.json").read_text())
    assert "train/0001" not in str(manifest)
    assert sum(len(split["pair_ids"]) for split in manifest["splits"].values()) == 7 + 3
    report = json.loads(Path("reports/checks.json").read_text())
    (offence,) = report["offences"]["unreadable"]["items"]
    assert offence["pairs"] == ["train/0001"]


@pytest.mark.parametrize("num_pairs", [0, 1])
def test_too_few_pairs_are_counted(
    pairs: Path, capsys: pytest.CaptureFixture[str], num_pairs: int
) -> None:
    image = pairs / "train" / "0001.png"
    kept = image.read_bytes()
    shutil.rmtree(pairs)
    pairs.mkdir()
    if num_pairs:
        (pairs / "only.png").write_bytes(kept)
    message = _fails(capsys)
    assert "pairs" in message


def test_folders_that_disagree_are_listed(pairs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for side in ("A", "B"):
        shutil.copytree(pairs / "train", pairs / side)
    for split in ("train", "test"):
        shutil.rmtree(pairs / split)
    (pairs / "B" / "0003.png").unlink()
    (pairs / "A" / "0005.png").unlink()
    _replace("layout: side_by_side", "layout: two_folders")
    message = _fails(capsys)
    assert "0003" in message
    assert "0005" in message


def test_a_read_only_data_folder_is_enough(pairs: Path) -> None:
    for folder in (pairs, *pairs.iterdir()):
        os.chmod(folder, 0o555)
    run(prepare.main)
    assert Path("data/prepared/manifest.json").is_file()
    for folder in (pairs, *pairs.iterdir()):
        os.chmod(folder, 0o755)


def test_a_full_disk_is_named_and_what_was_prepared_stays(
    pairs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run(prepare.main)
    before = Path("data/prepared/manifest.json").read_bytes()
    usage = shutil.disk_usage(".")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1000))
    with pytest.raises(SystemExit) as caught:
        run(prepare.main)
    assert caught.value.code == TRY_AGAIN
    assert "disk is too small" in capsys.readouterr().err
    assert Path("data/prepared/manifest.json").read_bytes() == before
    assert sorted(path.name for path in Path("data").iterdir()) == ["prepared"]


def test_a_wrong_parameter_is_named_before_anything_is_written(
    pairs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _replace("learning_rate: 0.0002", 'learning_rate: "2e-4"')
    message = _fails(capsys)
    assert "train.learning_rate" in message
    assert not Path("reports").exists()


def test_a_folder_that_is_not_there_is_named_by_ingest(
    pairs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _replace("path: pairs", "path: elsewhere")
    with pytest.raises(SystemExit):
        run(ingest.main)
    assert "data.path: elsewhere is not a folder" in capsys.readouterr().err


def test_ingest_notes_where_a_folder_lies_and_copies_nothing(pairs: Path) -> None:
    run(ingest.main)
    assert json.loads(Path("reports/source.json").read_text()) == {
        "source": "folder",
        "path": "pairs",
    }
    (note,) = Path("data/raw").iterdir()
    assert "read from the folder data.path" in note.read_text()
