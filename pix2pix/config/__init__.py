"""The parameters of a run: typed, immutable, and validated when they are read.

All values are in `params.yaml`: a file that lacks a key or has an unknown one is refused. Only
`data.recipe.line_px` and most keys of an extra source (see `extra_source`) may be left out. The
text below each field is its description in Prefect's forms.
"""

from pix2pix.config.augment import AugmentConfig
from pix2pix.config.cautions import cautions
from pix2pix.config.data import OWN_SOURCES, DataConfig, Direction
from pix2pix.config.extra_source import MAX_SOURCE_CHANNELS, ExtraSource, SourceName
from pix2pix.config.made_data import ArchiveConfig, SyntheticConfig
from pix2pix.config.model import (
    DropoutLayout,
    ModelConfig,
    Upsample,
    dropout_levels,
    generator_depth,
    why_not_as_target,
)
from pix2pix.config.params import Params, load_params, parse_params
from pix2pix.config.recipe import RecipeConfig
from pix2pix.config.results import STUDIES_SUFFIX, EvaluateConfig, RegisterConfig
from pix2pix.config.side import (
    AnyKernel,
    Axes,
    Encoding,
    ImageDtype,
    Kernel,
    Kind,
    Nodata,
    Side,
    SideConfig,
    SideFacts,
    SlicesRule,
    VolumeAxis,
    WrittenDtype,
)
from pix2pix.config.sizes import (
    SIZE_MULTIPLE_PX,
    SMALLEST_PX,
    ImageSize,
    LoadSize,
    Scale,
    ScaleRule,
    Size,
    height_width,
    size_text,
)
from pix2pix.config.strict import NUM_SEEDS
from pix2pix.config.train import EXECUTION_KEYS, InitNetworks, TrainConfig
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
    "EXECUTION_KEYS",
    "MAX_SOURCE_CHANNELS",
    "NUM_SEEDS",
    "OWN_SOURCES",
    "SIZE_MULTIPLE_PX",
    "SMALLEST_PX",
    "STUDIES_SUFFIX",
    "AnyKernel",
    "ArchiveConfig",
    "AugmentConfig",
    "Axes",
    "Choice",
    "DataConfig",
    "Dimension",
    "Direction",
    "DropoutLayout",
    "Encoding",
    "EvaluateConfig",
    "ExtraSource",
    "ImageDtype",
    "ImageSize",
    "InitNetworks",
    "Kernel",
    "Kind",
    "LoadSize",
    "LogUniform",
    "ModelConfig",
    "Nodata",
    "Objective",
    "Params",
    "Quantised",
    "RecipeConfig",
    "RegisterConfig",
    "Scale",
    "ScaleRule",
    "Side",
    "SideConfig",
    "SideFacts",
    "Size",
    "SlicesRule",
    "SourceName",
    "SyntheticConfig",
    "TrainConfig",
    "TuneConfig",
    "Uniform",
    "Upsample",
    "Value",
    "VolumeAxis",
    "WrittenDtype",
    "cautions",
    "dropout_levels",
    "generator_depth",
    "height_width",
    "load_params",
    "parse_params",
    "size_text",
    "why_not_as_target",
]
