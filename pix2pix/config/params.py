"""Reading and validating params.yaml."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from pix2pix.config.augment import AugmentConfig
from pix2pix.config.data import DataConfig
from pix2pix.config.model import ModelConfig, generator_depth, why_not_as_target
from pix2pix.config.results import MAX_NAME_CHARACTERS, EvaluateConfig, RegisterConfig
from pix2pix.config.sizes import height_width, size_text
from pix2pix.config.strict import STRICT
from pix2pix.config.train import TrainConfig
from pix2pix.config.tune import TuneConfig
from pix2pix.config.validation_text import all_wrong
from pix2pix.config.yaml_file import read_yaml
from pix2pix.errors import UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class Params:
    """All of params.yaml."""

    __pydantic_config__ = STRICT

    data: DataConfig
    augment: AugmentConfig
    model: ModelConfig
    train: TrainConfig
    tune: TuneConfig
    evaluate: EvaluateConfig
    register: RegisterConfig

    def __post_init__(self) -> None:
        self._check_sizes()
        self._check_residual()
        if len(self.registered_name) > MAX_NAME_CHARACTERS:
            raise ValueError(
                f"data.name is too long for the registered model pix2pix-<data.name>: together "
                f"{len(self.registered_name)} characters, MLflow keeps {MAX_NAME_CHARACTERS}; "
                "shorten it or set register.model_name"
            )

    def _check_sizes(self) -> None:
        layers, depth = self.model.discriminator_layers, self.model.depth
        height, width = height_width(self.data.image_size)
        size = size_text(self.data.image_size)
        if layers > 0 and min(height, width) < 3 * 2**layers:
            raise ValueError(
                f"model.discriminator_layers {layers} needs images of {3 * 2**layers} px or more, "
                f"data.image_size is {size}"
            )
        if depth is not None and (height % 2**depth or width % 2**depth):
            raise ValueError(
                f"model.depth {depth} halves the image {depth} times, but data.image_size "
                f"{size} is not a multiple of {2**depth}; use at most "
                f"{generator_depth(self.data.image_size, None)}"
            )
        if self.augment.rotate_90 and height != width:
            raise ValueError(
                f"augment.rotate_90 ({self.augment.rotate_90:g}) would lay images of "
                f"data.image_size {size} on their side; set augment.rotate_90: 0, or a square "
                "data.image_size"
            )

    def _check_residual(self) -> None:
        if not self.model.residual:
            return
        source, target = self.data.source_side, self.data.target_side
        reason = why_not_as_target(source.channels, target.channels)
        if "labels" in (source.kind, target.kind):
            reason = "labels are names of classes, to which nothing can be added"
        if reason is not None:
            raise ValueError(
                f"model.residual: true adds to the source, but {reason}; set model.residual: false"
            )

    @property
    def depth(self) -> int:
        """Number of levels of the U-Net; derived from the image size if params.yaml has null."""
        return generator_depth(self.data.image_size, self.model.depth)

    @property
    def registered_name(self) -> str:
        """Name of the registered model."""
        return self.register.model_name or f"pix2pix-{self.data.name}"


_PARAMS = TypeAdapter(Params)


def load_params(path: Path = Path("params.yaml")) -> Params:
    """Read and validate a parameter file (YAML 1.2, as DVC reads it).

    Raises UserError naming the file, each wrong dotted key and what is wrong with it.
    """
    if path.exists() and not path.is_file():
        raise UserError(
            f"{path} is a folder or another thing that is no file; move it away, then run "
            "`pix2pix use default`"
        )
    if not path.is_file():
        in_project = (path.parent / "params").is_dir()  # that of the presets
        where = "" if in_project else " in the project's folder, which holds dvc.yaml"
        raise UserError(f"{path} is missing; run `pix2pix use default`{where}")
    mapping = read_yaml(path)
    try:
        return parse_params(mapping)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None


def parse_params(mapping: Mapping[str, Any]) -> Params:
    """Build Params from nested mappings, strictly. Raises UserError listing each wrong key."""
    try:
        # JSON mode is strict about numbers and strings, but makes dataclasses of mappings.
        text = json.dumps(mapping)
    except TypeError as error:  # for example a date, which YAML has and JSON has not
        raise UserError(f"a value is neither text, number, list nor mapping: {error}") from None
    except (ValueError, RecursionError) as error:  # a mapping in itself, a number of 5000 digits
        raise UserError(f"a value cannot be written as text: {error}") from None
    try:
        return _PARAMS.validate_json(text)
    except ValidationError as error:
        raise UserError(_explain(error)) from None


def _explain(error: ValidationError) -> str:
    problems = error.errors()
    if problems[0]["type"] == "json_invalid":
        return "a text contains half of a character (\\ud800 to \\udfff); correct it"
    return all_wrong(problems)
