"""What the page of an exported model shows of its scores."""

from pathlib import Path

from pipelines.registry.model_sections import sections
from pipelines.registry.model_source import ModelSource
from pix2pix.export.page import Table
from tests.support.model_folders import model_card


def test_the_table_of_scores_has_no_row_of_what_is_no_score() -> None:
    source = ModelSource(
        label="m", model_dir=Path("models"), project_dir=None, sources=(), params={}
    )
    test = {"l1": 0.2, "l1_low": 0.1, "l1_high": 0.3, "kid": 0.5, "kid_std": 0.1, "num_images": 4}
    metrics = {"test": test, "baselines": {"identity": {"l1": 0.4}}, "protocol": {}}
    first, *_ = sections(source, model_card(), metrics)
    [table] = first.parts
    assert isinstance(table, Table)
    assert table.rows == [
        ["metric", "model", "identity"],
        ["l1", "0.2 (0.1 to 0.3)", "0.4"],
        ["kid", "0.5", ""],
    ]
