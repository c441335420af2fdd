import dataclasses
from pathlib import Path

from pipelines.stages.ingest import ingest
from pix2pix.config import load_params

ROOT = Path(__file__).parents[3]


def test_for_a_folder_of_the_user_a_note_replaces_the_pairs_also_behind_a_link(
    tmp_path: Path,
) -> None:
    for name in ("mine", "large", "data"):
        (tmp_path / name).mkdir()
    (tmp_path / "large/drawn.png").touch()
    (tmp_path / "data/raw").symlink_to(tmp_path / "large")
    data = load_params(ROOT / "params" / "default.yaml").data
    config = dataclasses.replace(data, source="folder", path=str(tmp_path / "mine"))
    ingest(config, tmp_path / "data/raw")
    assert [path.name for path in (tmp_path / "data/raw").iterdir()] == ["README.txt"]
    assert (tmp_path / "data/raw").is_symlink()
