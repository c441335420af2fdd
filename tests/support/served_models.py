"""Small models for tests of serving: of drawn label maps, in memory and without Ray."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from pipelines.registry.loaded_version import LoadedVersion
from pipelines.serving import translation
from pipelines.serving.messages import Answer, Question, Refusal
from pix2pix.data.input_statistics import calibrate
from pix2pix.data.manifest import SideRecord
from pix2pix.data.palette import label_colours
from pix2pix.images.encode import encode
from pix2pix.inference import Translator
from pix2pix.sources.facade.house import draw_house
from pix2pix.sources.facade.layout import label_map
from tests.support.model_folders import PHOTO, write_model

LABELS = SideRecord("labels", 3, "uint8", (0.0, 255.0), "nearest")
NAME = "pix2pix-drawn"
SIZE = 64


def label_maps(first: int, number: int) -> np.ndarray:
    """Label maps of drawn houses, (number, SIZE, SIZE, 3)."""
    houses = (draw_house(SIZE, np.random.default_rng(i))[1] for i in range(first, first + number))
    return np.stack([label_map(SIZE, parts) for parts in houses])


def write_labels_model(folder: Path, *, seed: int = 0, **changes: Any) -> Translator:
    """A model folder of random weights for label maps; `changes` are to its card."""
    torch.manual_seed(seed)
    train = label_maps(0, 30)
    statistics = calibrate(
        train, iter(label_maps(30, 10)), value_range=(0.0, 255.0), palette=label_colours(train)
    )
    known = {
        "source": LABELS,
        "target": PHOTO,
        "image_size": SIZE,
        "source_statistics": statistics,
        "seed": seed,
    }
    write_model(folder, **known | changes)
    return Translator.load(folder)


class LocalModel:
    """A `ServedModel` in this process, without batches."""

    def __init__(
        self, translator: Translator, *, number: str = "1", max_pixels: int = 4 * SIZE**2
    ) -> None:
        examples = tuple({"source": encode(each)} for each in label_maps(30, 3))
        self.version = LoadedVersion(NAME, number, translator, {"dev/l1": 0.1}, examples)
        self.max_pixels = max_pixels

    async def answer(self, question: Question) -> Answer | Refusal:
        job = translation.job(self.version, question, max_pixels=self.max_pixels)
        if isinstance(job, Refusal):
            return job
        (result,) = translation.translate([job])
        if isinstance(result, Refusal):
            return result
        return translation.answer(question, job, result)

    async def describe(self) -> dict[str, Any]:
        return translation.description(self.version)

    async def example(self, number: int, field: str) -> bytes | None:
        return translation.example(self.version, number, field)
