"""The parameters of a run: typed, frozen, validated once at the border.

`params.yaml` is the only place where values live, so no field here has a default: a file that lacks
a key is refused, and so is one with a key too many. The text below each field is its description,
which Prefect's forms show.
"""

from pix2pix.config.data import (
    AnyKernel,
    ArchiveConfig,
    AugmentConfig,
    DataConfig,
    Direction,
    Kernel,
    Kind,
    SideConfig,
    SyntheticConfig,
)
from pix2pix.config.model import ModelConfig, generator_depth
from pix2pix.config.params import Params, load_params, parse_params
from pix2pix.config.results import STUDIES_SUFFIX, EvaluateConfig, RegisterConfig
from pix2pix.config.sizes import (
    SMALLEST_PX,
    ImageSize,
    LoadSize,
    Scale,
    ScaleRule,
    Size,
    height_width,
    size_text,
)
from pix2pix.config.train import WHERE_IT_RUNS, TrainConfig
from pix2pix.config.tune import (
    Choice,
    Dimension,
    LogUniform,
    Objective,
    Quantised,
    TuneConfig,
    Uniform,
    Value,
)

__all__ = [
    "SMALLEST_PX",
    "STUDIES_SUFFIX",
    "WHERE_IT_RUNS",
    "AnyKernel",
    "ArchiveConfig",
    "AugmentConfig",
    "Choice",
    "DataConfig",
    "Dimension",
    "Direction",
    "EvaluateConfig",
    "ImageSize",
    "Kernel",
    "Kind",
    "LoadSize",
    "LogUniform",
    "ModelConfig",
    "Objective",
    "Params",
    "Quantised",
    "RegisterConfig",
    "Scale",
    "ScaleRule",
    "SideConfig",
    "Size",
    "SyntheticConfig",
    "TrainConfig",
    "TuneConfig",
    "Uniform",
    "Value",
    "generator_depth",
    "height_width",
    "load_params",
    "parse_params",
    "size_text",
]
