import json
import math
from pathlib import Path

import pytest

from pipelines.json_files import read_json, write_json
from pix2pix.errors import UserError


def test_json_is_written_completely_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file.json"
    write_json(path, {"a": 1})
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, {"a": math.nan})
    assert json.loads(path.read_text()) == {"a": 1}
    assert [file.name for file in path.parent.iterdir()] == ["file.json"]


def test_a_missing_file_is_named_with_the_stage_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"x\.json is missing; run `dvc repro train`"):
        read_json(tmp_path / "x.json", made_by="train")


def test_a_damaged_file_is_named_with_the_stage_that_makes_it(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"cut":')
    with pytest.raises(UserError, match=r"x\.json is damaged .* run `dvc repro -f -s train`"):
        read_json(tmp_path / "x.json", made_by="train")
