"""The parameters of a run: typed, frozen, validated once at the border.

`params.yaml` is the only place where values live, so no field here has a default: a file that lacks
a key is refused, and so is one with a key too many. The text of each field is its description in
error messages, in the JSON schema and in forms made from it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

_STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

# A U-Net halves the image once per level; fewer than five levels see too little context, and the
# published layouts stop at eight (256 px down to one).
SIZE_MULTIPLE_PX = 32
MAX_DEPTH = 8

# What stages replace, relative to the folder that holds params.yaml.
_OUTPUT_DIRS = ("data/raw", "data/prepared", "models", "reports")

Probability = Annotated[float, Field(ge=0, le=1)]
Direction = Literal["AtoB", "BtoA"]
Kind = Literal["image", "labels"]
Kernel = Literal["area", "bilinear", "bicubic"]
ArchiveName = Literal["facades", "maps", "cityscapes", "edges2shoes", "edges2handbags", "night2day"]


@dataclass(frozen=True, kw_only=True, slots=True)
class SideConfig:
    """What the images of one side (A or B) of the pairs are."""

    __pydantic_config__ = _STRICT

    kind: Annotated[Kind, Field(description="image, or labels (never interpolated between values)")]
    channels: Annotated[int, Field(ge=1, le=64, description="channels after reading")]
    grayscale: Annotated[
        bool, Field(description="convert colour files to one channel (Rec. 601 luma)")
    ]
    num_labels: Annotated[
        int | None,
        Field(ge=2, description="class ids are 0..num_labels-1; null for colour-coded labels"),
    ]
    value_range: Annotated[
        tuple[float, float] | None,
        Field(description="raw values mapped to -1 and 1; null: the whole range of the integers"),
    ]

    def __post_init__(self) -> None:
        if self.grayscale and self.channels != 1:
            raise ValueError(f"grayscale: true needs channels: 1, got {self.channels}")
        if self.num_labels is not None and (self.kind != "labels" or self.channels != 1):
            raise ValueError("num_labels needs kind: labels and channels: 1")
        if self.num_labels is not None and self.value_range is not None:
            raise ValueError("num_labels fixes the range; set value_range: null")
        if self.value_range is not None and self.value_range[0] >= self.value_range[1]:
            raise ValueError(f"value_range must be [low, high] with low < high: {self.value_range}")


@dataclass(frozen=True, kw_only=True, slots=True)
class SyntheticConfig:
    """The drawn data set (`source: synthetic`)."""

    __pydantic_config__ = _STRICT

    num_train: Annotated[int, Field(ge=2, description="pairs in data/raw/train")]
    num_test: Annotated[int, Field(ge=1, description="pairs in data/raw/test")]
    size_px: Annotated[int, Field(ge=32, le=1024, description="side of each drawn image")]
    seed: Annotated[int, Field(ge=0, description="the same seed draws the same pixels")]


@dataclass(frozen=True, kw_only=True, slots=True)
class ArchiveConfig:
    """The published data sets (`source: archive`)."""

    __pydantic_config__ = _STRICT

    dataset: Annotated[ArchiveName, Field(description="which of the authors' archives")]
    base_url: Annotated[
        str, Field(pattern=r"^https?://", description="folder that holds <dataset>.tar.gz")
    ]


@dataclass(frozen=True, kw_only=True, slots=True)
class DataConfig:
    """Which pairs, how they are split, checked and resized (stages ingest and prepare)."""

    __pydantic_config__ = _STRICT

    name: Annotated[
        str,
        Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", description="names the registered model"),
    ]
    source: Annotated[
        Literal["synthetic", "folder", "archive"],
        Field(description="drawn here, a folder of yours, or a published archive"),
    ]
    path: Annotated[
        str, Field(min_length=1, description="folder of the pairs; data/raw unless source: folder")
    ]
    layout: Annotated[
        Literal["side_by_side", "two_folders"],
        Field(description="one file A|B per pair, or two folders paired by file stem"),
    ]
    folder_a: Annotated[str, Field(min_length=1, description="folder of side A (two_folders)")]
    folder_b: Annotated[str, Field(min_length=1, description="folder of side B (two_folders)")]
    direction: Annotated[Direction, Field(description="which side is the source")]
    side_a: SideConfig
    side_b: SideConfig
    image_size: Annotated[
        int,
        Field(
            ge=SIZE_MULTIPLE_PX,
            le=4096,
            multiple_of=SIZE_MULTIPLE_PX,
            description="side of the square the networks see, px",
        ),
    ]
    load_size: Annotated[
        int, Field(ge=1, le=8192, description="side training pairs are stored at; cropped later")
    ]
    resize_kernel: Annotated[Kernel, Field(description="for images; labels are always nearest")]
    dev_fraction: Annotated[
        float, Field(gt=0, lt=1, description="share of train carved off as dev")
    ]
    test_fraction: Annotated[
        float, Field(gt=0, lt=1, description="share held out where no test folder exists")
    ]
    split_seed: Annotated[int, Field(ge=0, description="seed of the carving")]
    on_bad_pair: Annotated[
        Literal["fail", "exclude"], Field(description="stop with a report, or leave the pair out")
    ]
    near_duplicate_bits: Annotated[
        int,
        Field(
            ge=-1,
            le=64,
            description="thumbnail distance of near duplicates, 256ths of a half turn; -1: off",
        ),
    ]
    synthetic: SyntheticConfig
    archive: ArchiveConfig

    def __post_init__(self) -> None:
        if self.load_size < self.image_size:
            raise ValueError(
                f"load_size ({self.load_size}) is smaller than image_size ({self.image_size}), "
                "so no crop of that size exists"
            )
        if self.source != "folder" and self.path != "data/raw":
            raise ValueError(f"path must be data/raw for source: {self.source}, got {self.path!r}")
        if self.source == "folder":
            _check_not_an_output(Path(self.path))
        if self.source != "folder" and self.layout != "side_by_side":
            raise ValueError(f"source: {self.source} is stored side by side, got {self.layout}")

    @property
    def source_side(self) -> SideConfig:
        """The side that conditions the generator."""
        return self.side_a if self.direction == "AtoB" else self.side_b

    @property
    def target_side(self) -> SideConfig:
        """The side that the generator is to draw."""
        return self.side_b if self.direction == "AtoB" else self.side_a


def _check_not_an_output(path: Path) -> None:
    """DVC removes the outputs of a stage before it runs: the user's pairs must not lie in one."""
    own = path.resolve()
    for name in _OUTPUT_DIRS:
        output = Path(name).resolve()
        if own == output or own in output.parents or output in own.parents:
            raise ValueError(
                f"path: {path} overlaps {name}, which the pipeline replaces; keep your pairs in a "
                "folder of their own, such as data/mine"
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class AugmentConfig:
    """Random changes of training pairs (stage train). Zero switches a change off."""

    __pydantic_config__ = _STRICT

    horizontal_flip: Annotated[Probability, Field(description="probability of mirroring")]
    vertical_flip: Annotated[Probability, Field(description="probability of turning upside down")]
    rotate_90: Annotated[Probability, Field(description="probability of 0-3 quarter turns")]
    rotate_deg: Annotated[
        float, Field(ge=0, le=180, description="largest free rotation, either way, degrees")
    ]
    scale: Annotated[float, Field(ge=0, lt=1, description="zoom drawn from [1 - scale, 1 + scale]")]
    brightness: Annotated[float, Field(ge=0, le=1, description="largest shift, share of range")]
    contrast: Annotated[float, Field(ge=0, le=1, description="largest relative change")]
    noise: Annotated[
        float, Field(ge=0, le=0.5, description="largest standard deviation, share of range")
    ]
    blur_px: Annotated[float, Field(ge=0, le=10, description="largest Gaussian sigma, px")]
    photometric_on: Annotated[
        Literal["source", "both"],
        Field(description="which images brightness, contrast, noise and blur may change"),
    ]


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelConfig:
    """The two networks (Isola et al. 2017, sec. 6.1)."""

    __pydantic_config__ = _STRICT

    base_channels: Annotated[
        int, Field(ge=1, le=512, description="width of the generator's first level")
    ]
    depth: Annotated[
        int | None,
        Field(ge=2, le=12, description="levels of the U-Net; null: as many as the size allows"),
    ]
    norm: Annotated[
        Literal["batch", "instance", "none"], Field(description="normalisation of both networks")
    ]
    dropout: Annotated[float, Field(ge=0, lt=1, description="rate in the inner decoder levels")]
    dropout_layout: Annotated[
        Literal["pytorch", "torch"],
        Field(description="where dropout sits: as in the PyTorch (none at depth 5) or Lua release"),
    ]
    discriminator_channels: Annotated[
        int, Field(ge=1, le=512, description="width of the discriminator's first layer")
    ]
    discriminator_layers: Annotated[
        int, Field(ge=0, le=5, description="0-5: patches of 1, 16, 34, 70, 142, 286 px")
    ]


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainConfig:
    """Optimisation and where it runs (Isola et al. 2017, sec. 3.3)."""

    __pydantic_config__ = _STRICT

    seed: Annotated[int, Field(ge=0, lt=2**32, description="weights, order, augmentation, dropout")]
    num_epochs: Annotated[int, Field(ge=1, description="passes at the full learning rate")]
    num_decay_epochs: Annotated[
        int, Field(ge=0, description="further passes while the rate falls linearly to zero")
    ]
    batch_size: Annotated[int, Field(ge=1, description="pairs per step over all workers")]
    learning_rate: Annotated[float, Field(gt=0, le=1, description="Adam, both networks")]
    beta1: Annotated[float, Field(ge=0, lt=1, description="0.9 makes a GAN oscillate")]
    beta2: Annotated[float, Field(ge=0, lt=1, description="Adam's second moment")]
    lambda_l1: Annotated[float, Field(ge=0, description="weight of the L1 term")]
    lambda_adversarial: Annotated[
        float, Field(ge=0, description="weight of the adversarial term; 0: L1 alone")
    ]
    precision: Annotated[
        Literal["float32", "bfloat16"], Field(description="autocast type of the networks")
    ]
    channels_last: Annotated[bool, Field(description="memory layout of the networks")]
    best_from_epoch: Annotated[
        int,
        Field(
            ge=1,
            description="first epoch that may be kept: young generators blur, which L1 likes",
        ),
    ]
    early_stopping_epochs: Annotated[
        int | None,
        Field(
            ge=1,
            description="patience from best_from_epoch on; null: never stop early",
        ),
    ]
    sample_every_epochs: Annotated[int, Field(ge=1, description="sample grids, beside the first")]
    num_samples: Annotated[int, Field(ge=1, le=64, description="dev pairs in a sample grid")]
    checkpoint_every_epochs: Annotated[
        int, Field(ge=1, description="checkpoints, beside each better dev L1 and the last epoch")
    ]
    num_workers: Annotated[int, Field(ge=1, description="Ray Train workers")]
    device: Annotated[
        Literal["auto", "cpu", "gpu"],
        Field(description="gpu: one per worker; auto: gpu where the cluster has enough of them"),
    ]
    cpus_per_worker: Annotated[
        int | None, Field(ge=1, description="logical CPUs of each worker; null: a node's share")
    ]
    loader_workers: Annotated[
        int,
        Field(
            ge=0,
            le=64,
            description="processes that read and augment ahead; 0: in the training loop",
        ),
    ]

    def __post_init__(self) -> None:
        if self.batch_size % self.num_workers:
            raise ValueError(
                f"batch_size ({self.batch_size}) is shared by num_workers ({self.num_workers}): "
                "it must be a multiple"
            )
        if self.best_from_epoch > self.total_epochs:
            raise ValueError(
                f"best_from_epoch ({self.best_from_epoch}) is after the last epoch "
                f"({self.total_epochs}), so no epoch could be kept"
            )
        if self.lambda_l1 == 0 and self.lambda_adversarial == 0:
            raise ValueError("lambda_l1 and lambda_adversarial are both 0: nothing to train on")

    @property
    def total_epochs(self) -> int:
        """Passes over the training split, those with a falling rate included."""
        return self.num_epochs + self.num_decay_epochs


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluateConfig:
    """How the test split is scored (stage evaluate)."""

    __pydantic_config__ = _STRICT

    seed: Annotated[int, Field(ge=0, lt=2**32, description="bootstrap and KID subsets")]
    batch_size: Annotated[int, Field(ge=1, description="images per feature-extractor batch")]
    num_bootstrap: Annotated[int, Field(ge=100, description="resamples behind each interval")]
    confidence: Annotated[float, Field(gt=0.5, lt=1, description="coverage of the intervals")]
    inception_weights: Annotated[
        str,
        Field(
            min_length=1,
            description="cache (use it if there), download (fetch if not there), or a file",
        ),
    ]
    kid_subset_size: Annotated[int, Field(ge=2, description="images per KID subset, at most N")]
    num_panels: Annotated[int, Field(ge=1, le=64, description="best and worst images shown")]


@dataclass(frozen=True, kw_only=True, slots=True)
class RegisterConfig:
    """Where runs and models go in MLflow (stages train and register)."""

    __pydantic_config__ = _STRICT

    experiment: Annotated[str, Field(min_length=1, description="MLflow experiment")]
    model_name: Annotated[str | None, Field(min_length=1, description="null: pix2pix-<data.name>")]


@dataclass(frozen=True, kw_only=True, slots=True)
class Params:
    """All of params.yaml."""

    __pydantic_config__ = _STRICT

    data: DataConfig
    augment: AugmentConfig
    model: ModelConfig
    train: TrainConfig
    evaluate: EvaluateConfig
    register: RegisterConfig

    def __post_init__(self) -> None:
        layers = self.model.discriminator_layers
        if layers > 0 and self.data.image_size < 3 * 2**layers:
            raise ValueError(
                f"model.discriminator_layers {layers} needs images of {3 * 2**layers} px or more, "
                f"data.image_size is {self.data.image_size}"
            )
        depth = self.model.depth
        if depth is not None and self.data.image_size % 2**depth:
            raise ValueError(
                f"model.depth {depth} halves the image {depth} times, but data.image_size "
                f"{self.data.image_size} is not a multiple of {2**depth}; use at most "
                f"{generator_depth(self.data.image_size, None)}"
            )

    @property
    def depth(self) -> int:
        """Levels of the U-Net, derived from the image size where params.yaml says null."""
        return generator_depth(self.data.image_size, self.model.depth)

    @property
    def registered_name(self) -> str:
        """Name of the registered model."""
        return self.register.model_name or f"pix2pix-{self.data.name}"


def generator_depth(image_size: int, depth: int | None) -> int:
    """`depth`, or if None as many halvings as `image_size` (px) allows, at most eight."""
    if depth is not None:
        return depth
    halvings = (image_size & -image_size).bit_length() - 1
    return min(halvings, MAX_DEPTH)


_PARAMS = TypeAdapter(Params)


def load_params(path: Path = Path("params.yaml")) -> Params:
    """Read and validate a parameter file (YAML 1.2, as DVC reads it).

    Raises ValueError naming the file, each wrong dotted key and what is wrong with it.
    """
    if not path.is_file():
        raise ValueError(f"{path} is missing; copy one of params/*.yaml to it")
    try:
        mapping = YAML(typ="safe").load(path)
    except (YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not valid YAML: {error}") from None
    try:
        return parse_params(mapping)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def parse_params(mapping: Mapping[str, Any]) -> Params:
    """Build Params from nested mappings, strictly. Raises ValueError listing each wrong key."""
    try:
        # JSON mode: strict about numbers and strings, yet mappings become dataclasses.
        return _PARAMS.validate_json(json.dumps(mapping))
    except ValidationError as error:
        raise ValueError(_explain(error)) from None
    except TypeError as error:  # a date, say, which YAML knows and JSON does not
        raise ValueError(f"a value is neither text, number, list nor mapping: {error}") from None


def _explain(error: ValidationError) -> str:
    """One line per wrong key: dotted place, reason, offending value."""
    lines = []
    for item in error.errors(include_url=False):
        key = ".".join(str(part) for part in item["loc"]) or "params"
        reason = item["msg"].removeprefix("Value error, ")
        is_leaf = not isinstance(item["input"], dict) and item["type"] != "missing"
        lines.append(f"{key}: {reason}" + (f" (got {item['input']!r})" if is_leaf else ""))
    head = "1 wrong parameter" if len(lines) == 1 else f"{len(lines)} wrong parameters"
    return "\n  ".join([head, *lines])
