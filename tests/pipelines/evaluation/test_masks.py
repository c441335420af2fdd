"""Nothing depends on what files store in pixels without a value: not a bit of any result."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipelines.evaluation.scores import evaluate_model, write_evaluation
from pix2pix.config import Params
from pix2pix.data.manifest import load_manifest
from tests.support.drawn_shapes import (
    batches_hash,
    train_and_score,
    with_augmentation,
)
from tests.support.folders import file_hashes
from tests.support.masked_pairs import (
    Garbage,
    constant,
    masked_params,
    measured_side,
    write_masked_pairs,
)
from tests.support.small_training import steady

FIT = {"resize": "fit", "image_size": 32, "load_size": 36}
NONE = {"resize": "none", "image_size": 32, "load_size": None}
STRETCH = {"resize": "stretch"}
CHANGES = {"rotate_deg": 20.0, "scale": 0.2, "blur_px": 1.0, "noise": 0.05, "brightness": 0.1}


def noise(values: np.ndarray) -> np.ndarray:
    return np.random.default_rng(5).uniform(-1e6, 1e6, values.shape).astype(np.float32)


def _params(nodata: Any, rule: dict[str, Any]) -> Params:
    side_a = measured_side(nodata=nodata, value_range=[50.0, 950.0])
    params = masked_params(side_a=side_a, side_b=measured_side(nodata=nodata), **rule)
    return with_augmentation(params, photometric_on="both", **CHANGES)


def _results(folder: Path, nodata: Any, garbage: Garbage, rule: dict[str, Any]) -> dict[str, Any]:
    """All that a training and an evaluation on the same pairs give."""
    params = _params(nodata, rule)
    scored = train_and_score(write_masked_pairs(folder / "raw", garbage), folder, params)
    evaluation = evaluate_model(folder / "prepared", scored.model_dir, params.evaluate)
    write_evaluation(folder / "reports", evaluation)
    weights = [name for name in file_hashes(scored.model_dir) if name.endswith(".safetensors")]
    arrays = file_hashes(folder / "prepared")
    return {
        "arrays": {name: value for name, value in arrays.items() if name.endswith(".npy")},
        "splits": load_manifest(folder / "prepared").splits,
        "batches": batches_hash(folder / "prepared", params),
        "weights": {name: file_hashes(scored.model_dir)[name] for name in weights},
        "history": [steady(record) for record in scored.history],
        "scores": {name: scored.report[name] for name in ("test", "baselines", "protocol")},
        "panels": file_hashes(folder / "reports" / "panels"),
        "per image": (folder / "reports" / "per_image.csv").read_text(),
    }


@pytest.mark.slow
@pytest.mark.parametrize("rule", [STRETCH, FIT, NONE], ids=["stretch", "fit", "none"])
def test_what_lies_under_the_mask_changes_no_bit_of_any_result(
    tmp_path: Path, rule: dict[str, Any]
) -> None:
    """NaN, a huge and a usual marker of missing values, in sources and in targets."""
    markers = {"nan": np.nan, 1e30: 1e30, -9999.0: -9999.0}
    results = [
        _results(tmp_path / str(nodata), nodata, constant(value), rule)
        for nodata, value in markers.items()
    ]
    assert len(results[0]["weights"]) == 2
    assert "mask.npy" in {Path(name).name for name in results[0]["arrays"]}
    protocol = results[0]["scores"]["protocol"]
    assert protocol["masked"] == "source and target"
    assert list(protocol["value_range"]) == measured_side()["value_range"]
    assert results[0] == results[1] == results[2]
