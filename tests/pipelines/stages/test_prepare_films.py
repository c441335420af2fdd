"""The stage `prepare` with `source: video`."""

import json
from pathlib import Path

import numpy as np
import pytest

from pipelines.entrypoint import run
from pipelines.repository.presets import complete_preset
from pipelines.stages import ingest, prepare
from pix2pix.data.manifest import load_manifest
from tests.support.films import write_film

ROOT = Path(__file__).parents[3]
CLIPS = ("east", "north", "south", "west")


@pytest.fixture
def films(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four pairs of films of noise, four frames each, and params.yaml; the current folder."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for side in ("A", "B"):
        (tmp_path / "films" / side).mkdir(parents=True)
        for clip in CLIPS:
            blocks = rng.integers(0, 256, (4, 8, 8, 3), dtype=np.uint8)
            frames = blocks.repeat(8, axis=1).repeat(8, axis=2)
            write_film(tmp_path / "films" / side / f"{clip}.mp4", frames)
    text = complete_preset("smoke", ROOT)
    for old, new in {
        "source: synthetic": "source: video",
        "path: data/raw": "path: films",
        "layout: side_by_side": "layout: two_folders",
        "group: null": r"group: (.+)/\d+s/",
        "frames_per_s: 1.0": "frames_per_s: null",
    }.items():
        assert old in text
        text = text.replace(old, new)
    (tmp_path / "params.yaml").write_text(text)
    return tmp_path / "films"


def test_every_frame_is_in_a_split_and_no_film_is_in_two(films: Path) -> None:
    run(ingest.main)
    run(prepare.main)
    splits = load_manifest(Path("data/prepared")).splits
    clips = {
        name: {each.split("/")[0] for each in split.pair_ids} for name, split in splits.items()
    }
    assert sorted(clip for found in clips.values() for clip in found) == list(CLIPS)
    found = sorted(each for split in splits.values() for each in split.pair_ids)
    assert found == [f"{clip}/00000s/{40 * i:08d}ms" for clip in CLIPS for i in range(4)]
    assert json.loads(Path("reports/source.json").read_text())["source"] == "video"


def test_a_film_that_cannot_be_read_is_named_and_nothing_is_prepared(
    films: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (films / "B" / "west.mp4").write_text("hello")
    with pytest.raises(SystemExit) as caught:
        run(prepare.main)
    assert caught.value.code == 1
    assert "films/B/west.mp4 cannot be read as a film" in capsys.readouterr().err
    assert not Path("data/prepared").exists()


def test_the_frames_lie_where_large_temporary_files_belong(
    films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "spill").mkdir()
    seen: list[Path] = []
    monkeypatch.setattr(prepare, "spill_folder", lambda: tmp_path / "spill")
    monkeypatch.setattr(prepare, "prepare_pairs", lambda raw, *_: seen.append(raw) or stop())
    with pytest.raises(KeyboardInterrupt):
        prepare.main()
    assert [path.parent for path in seen] == [tmp_path / "spill"]
    assert not list((tmp_path / "spill").iterdir())


def stop() -> None:
    raise KeyboardInterrupt
