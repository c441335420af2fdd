"""The card of a trained model, `model.json`: all that is needed to build and use its networks."""

import dataclasses
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, get_args

from pydantic import Field, TypeAdapter

from pix2pix.config import (
    Direction,
    ImageDtype,
    ImageSize,
    LoadSize,
    RecipeConfig,
    Scale,
    ScaleRule,
    height_width,
    size_text,
)
from pix2pix.config.strict import STRICT
from pix2pix.config.validation_text import checked_json
from pix2pix.data.input_statistics import InputStatistics
from pix2pix.data.manifest import FIRST_SOURCE, ExtraSourceRecord, SideRecord, all_sources
from pix2pix.errors import UserError
from pix2pix.files import write_text
from pix2pix.models import DiscriminatorConfig, GeneratorConfig, InferenceMode
from pix2pix.parent_record import ParentRecord

CARD_FILE = "model.json"
REMEDY = "run `dvc repro train`, or `dvc pull`"  # of a model folder that cannot be read
_FORMAT = 1
_MAX_CARD_BYTES = 2**20  # far above a usual card, which has about a thousand bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelCard:
    """The content of `model.json`: how to build and run the networks, and how they were trained.

    `source`, `target` and `extra_sources` define how image files are converted for the networks and
    back: channels, grey conversion, class ids, value range and resampling kernel. `scale` is the
    rule by which each image is resized: with `stretch` to `image_size` (pixels), with `fit` so that
    its shorter side becomes `load_size`. With `fit` and `none`, `image_size` is that of the crops
    of the training.
    """

    __pydantic_config__ = STRICT

    format: int
    # The name of the data set.
    name: Annotated[str, Field(max_length=200, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
    direction: Direction
    image_size: ImageSize
    scale: ScaleRule = "stretch"
    load_size: LoadSize | None = None  # with the scale `fit` only
    target_scale: float = 1.0  # how many times as high and wide results are as their images
    source: SideRecord
    target: SideRecord
    generator: GeneratorConfig
    discriminator: DiscriminatorConfig
    inference_mode: InferenceMode
    seed: Annotated[int, Field(ge=0, lt=2**63)]  # of dropout, if the inference mode uses dropout
    epoch: Annotated[int, Field(ge=0)]  # number of epochs that these weights were trained for
    dev: dict[str, float]  # metrics of these weights on the dev split
    data_hash: str
    extra_sources: Annotated[tuple[ExtraSourceRecord, ...], Field(max_length=64)] = ()
    parent: ParentRecord | None = None  # the trained model that the training started from
    source_statistics: InputStatistics | None = None  # None in older cards
    recipe: RecipeConfig | None = None  # which made side A of photos; None: it was files

    def __post_init__(self) -> None:
        if self.format != _FORMAT:
            raise ValueError(f"model format {self.format}; this version reads format {_FORMAT}")

    @property
    def image_scale(self) -> Scale:
        """How source images come to the size of the network."""
        size = self.image_size if self.scale == "stretch" else self.load_size
        return Scale(self.scale, size, self.target_scale)

    @property
    def sources(self) -> dict[str, SideRecord]:
        """The sources by name, in the order in which the generator receives their channels."""
        return all_sources(self.source, self.extra_sources)

    @property
    def palette(self) -> tuple[str, ...] | None:
        """The colours of the source's label maps; None if it has none, see `data.palette`."""
        return None if self.source_statistics is None else self.source_statistics.palette

    def source_sizes(self, height: int, width: int) -> dict[str, tuple[int, int]]:
        """Height and width that each source has, by name, where its target has these, in pixels."""
        ratios = [1.0, *(extra.scale or 1.0 for extra in self.extra_sources)]
        return {
            name: (
                max(1, round(height / self.target_scale * ratio)),
                max(1, round(width / self.target_scale * ratio)),
            )
            for name, ratio in zip(self.sources, ratios, strict=True)
        }

    @property
    def drawing_size(self) -> tuple[int, int]:
        """Height and width of a drawn source: as large as those of the training, in pixels."""
        return self.source_sizes(*height_width(self.load_size or self.image_size))[FIRST_SOURCE]

    def check(self) -> None:
        """Raise UserError if the fields contradict each other."""
        if len(self.sources) != 1 + len(self.extra_sources):
            raise UserError("two sources have the same name")
        for role, sides, channels in (
            ("source", self.sources, self.generator.source_channels),
            ("target", {"target": self.target}, self.generator.target_channels),
        ):
            for name, side in sides.items():
                _check_side(name, side)
            num_channels = sum(side.network_channels for side in sides.values())
            if num_channels != channels:
                raise UserError(
                    f"{role}.channels is {num_channels}, but the generator has {channels}"
                )
        if self.target.encoding == "one_hot":
            raise UserError("target.encoding is one_hot, which only sources can have")
        if isinstance(self.load_size, int) != (self.scale == "fit"):
            raise UserError(
                f"load_size is {self.load_size}, which does not fit scale: {self.scale}"
            )
        if any(length % self.generator.multiple_px for length in height_width(self.image_size)):
            raise UserError(
                f"image_size is {size_text(self.image_size)}, which cannot be halved "
                f"{self.generator.depth} times (generator.depth)"
            )


def _check_side(name: str, side: SideRecord) -> None:
    low, high = side.value_range
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise UserError(f"{name}.value_range is {[low, high]}, not low < high")
    if side.dtype not in get_args(ImageDtype):
        known = ", ".join(get_args(ImageDtype))
        raise UserError(f"{name}.dtype is {side.dtype!r}, not one of {known}")
    if side.num_labels is not None and side.dtype == "float32":
        raise UserError(f"{name}.num_labels is {side.num_labels}, but {name}.dtype is float32")
    if side.encoding == "one_hot" and (side.num_labels is None or side.channels != 1):
        raise UserError(f"{name}.encoding is one_hot, but its values are not declared as class ids")


_CARD = TypeAdapter(ModelCard)


def write_card(model_dir: Path, card: ModelCard) -> None:
    """Write `model.json`. Raises StorageError naming it if it cannot be written."""
    text = json.dumps(dataclasses.asdict(card), indent=2)
    write_text(model_dir / CARD_FILE, text + "\n")


def load_card(model_dir: Path) -> ModelCard:
    """Read `model.json`. Raises UserError naming the file and what is wrong with it."""
    path = model_dir / CARD_FILE
    if not path.is_file():
        raise UserError(f"{path} is missing; run `dvc repro train` or `dvc pull`")
    num_bytes = path.stat().st_size
    if num_bytes > _MAX_CARD_BYTES:
        raise UserError(f"{path} does not describe a model: it has {num_bytes} bytes; {REMEDY}")
    refusal = f"{path} does not describe a model"
    card = checked_json(_CARD, path.read_bytes(), refusal=refusal, remedy=REMEDY)
    try:
        card.check()
    except UserError as error:
        raise UserError(f"{refusal}: {error}; {REMEDY}") from None
    return card
