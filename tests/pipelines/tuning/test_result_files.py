"""Which file of results is kept when a trial starts again."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from pyarrow.fs import LocalFileSystem

from pipelines.tuning.result_files import ResultFiles


def _trial(folder: Path) -> Any:
    stored = SimpleNamespace(
        trial_fs_path=str(folder / "stored"), storage_filesystem=LocalFileSystem()
    )
    return SimpleNamespace(
        local_path=str(folder / "local"), checkpoint="a checkpoint", storage=stored
    )


def test_results_here_are_kept_and_fetched_only_where_there_are_none(tmp_path: Path) -> None:
    for name, content in (("stored", "old"), ("local", "new")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "result.json").write_text(content)
    files = ResultFiles()
    files._restore_from_remote("result.json", _trial(tmp_path))
    assert (tmp_path / "local" / "result.json").read_text() == "new"
    (tmp_path / "local" / "result.json").unlink()
    files._restore_from_remote("result.json", _trial(tmp_path))
    assert (tmp_path / "local" / "result.json").read_text() == "old"
