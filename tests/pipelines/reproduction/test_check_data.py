"""The check of the prepared pairs against the recorded ones."""

import json
from pathlib import Path

import pytest

from pipelines.paths import PREPARED_DIR
from pipelines.reproduction.data import check_data
from pipelines.tracking.description import DataRecord
from pix2pix.errors import UserError


def test_other_pairs_are_named_with_both_hashes(tmp_path: Path) -> None:
    folder = tmp_path / PREPARED_DIR
    folder.mkdir(parents=True)
    manifest = {"data_hash": "aa", "splits": {"train": {"hash": "1"}, "dev": {"hash": "2"}}}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    recorded = DataRecord(
        name="drawn",
        source="here",
        data_hash="bb",
        num_pairs={"train": 1, "dev": 1},
        split_hashes={"train": "1", "dev": "3"},
    )
    with pytest.raises(UserError) as refused:
        check_data(tmp_path, recorded)
    assert str(refused.value) == (
        "the prepared pairs have the hash aa, but the version was trained on pairs with the hash "
        "bb: the pairs of dev differ"
    )
