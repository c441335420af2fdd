"""The sheet of pictures and the table of scores of `benchmarks.tasks`."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.markdown import table
from pix2pix.data.manifest import load_manifest
from pix2pix.data.prepared import open_split
from pix2pix.images.grids import as_rgb8, image_grid
from pix2pix.images.resize import resize
from pix2pix.inference import Translator

SHEET = "tasks.png"
_TILE_PX = 96
_NUM_COLUMNS = 2  # of tasks in the sheet
_METRICS = {
    "L1": ("l1", ".3f"),
    "Frechet": ("frechet_efficientnet_lite0", ".0f"),
}  # key in the report, and digits


def row(shown: str, prepared_dir: Path, model_dir: Path) -> np.ndarray:
    """Source, result and target of the test pair `shown` in a row, each of the same size."""
    manifest = load_manifest(prepared_dir)
    test = open_split(prepared_dir, "test")
    position = test.pair_ids.index(shown)
    source, target = (np.asarray(images[position]) for images in (test.source, test.target))
    translator = Translator.load(model_dir)
    # The stored source has the size of the network already, also of a model that enlarges.
    scale_free = replace(translator, card=replace(translator.card, target_scale=1.0))
    fake = scale_free.translate(source, scale="native")
    sides = (manifest.source, manifest.target, manifest.target)
    return image_grid(
        [
            [
                resize(as_rgb8(image, side.value_range), _TILE_PX, _TILE_PX, kernel="area")
                for image, side in zip((source, fake, target), sides, strict=True)
            ]
        ]
    )


def sheet(rows: Mapping[str, np.ndarray]) -> np.ndarray:
    """All tasks with their names above their pictures."""
    titled = [
        image_grid([[row]], headings=[f"{name}: source, result, truth"])
        for name, row in rows.items()
    ]
    blank = np.full_like(titled[0], 255)
    titled += [blank] * (-len(titled) % _NUM_COLUMNS)
    return image_grid(
        [titled[first : first + _NUM_COLUMNS] for first in range(0, len(titled), _NUM_COLUMNS)],
        gap_px=12,
    )


def section(results: Mapping[str, Mapping[str, Any]]) -> str:
    """The sheet and the table of the document."""
    names = ("model", "mean target", "identity")
    head = ["task", "minutes", *(f"{metric}, {name}" for metric in _METRICS for name in names)]
    rows = [_table_row(name, result) for name, result in results.items()]
    return f"![source, result and truth of each task]({SHEET})\n\n{table(head, rows)}"


def _table_row(name: str, result: Mapping[str, Any]) -> list[str]:
    baselines = result["baselines"]
    scores = [result["test"], baselines["mean_target"], baselines.get("identity")]
    cells = [_cell(each, key, form) for key, form in _METRICS.values() for each in scores]
    return [name, f"{result['minutes']:.0f}", *cells]


def _cell(scores: Mapping[str, float] | None, key: str, form: str) -> str:
    if scores is None:
        return "-"
    low, high = (f"{scores[f'{key}_{end}']:{form}}" for end in ("low", "high"))
    return f"{scores[key]:{form}} ({low} to {high})"
