"""Why the prepared data of this folder cannot be used to judge the model of this folder."""

from collections.abc import Mapping
from typing import Any

from pipelines.evaluation.model_fit import other_data
from pipelines.json_files import read_json
from pipelines.paths import CHECKS_PATH, MODEL_DIR, PREPARED_DIR
from pix2pix.config import DataConfig


def data_obstacle(config: DataConfig) -> str | None:
    """The reason why no comparison is possible; None if one is.

    Raises UserError if the report of the data checks is missing or damaged.
    """
    if has_failed(read_json(CHECKS_PATH, made_by="prepare"), config):
        return f"the check of the data has failed, see {CHECKS_PATH}"
    return other_data(MODEL_DIR, PREPARED_DIR)


def has_failed(checks: Mapping[str, Any], config: DataConfig) -> bool:
    """Whether the stage `prepare` has refused the data with this report of its checks.

    Pairs with offences may be excluded; an offence that names no pair is one of the whole data set.
    """
    items = [item for kind in checks["offences"].values() for item in kind["items"]]
    return bool(items) and (
        config.on_bad_pair == "fail" or any(not item["pairs"] for item in items)
    )
