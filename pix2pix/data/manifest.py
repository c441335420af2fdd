"""manifest.json: the shapes and value ranges of the prepared arrays, and the images they contain.

Any change of the manifest makes DVC train again. So it holds only what training depends on. The
name of the data set is in params.yaml, and the pairs that were left out are in the report of the
checks.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter

from pix2pix.config import (
    AnyKernel,
    Axes,
    Direction,
    Encoding,
    ImageSize,
    Kind,
    LoadSize,
    Nodata,
    RecipeConfig,
    Scale,
    ScaleRule,
    SideFacts,
    SlicesRule,
    SourceName,
    WrittenDtype,
)
from pix2pix.config.validation_text import checked_json
from pix2pix.data.splits import Split
from pix2pix.errors import UserError

MANIFEST_NAME = "manifest.json"
FORMAT = 2
FIRST_SOURCE = "source"  # the name of the source that every pair has

StatedNodata = float | Literal["nan"] | None

_STRICT = ConfigDict(extra="forbid", strict=True)


@dataclass(frozen=True, slots=True)
class SideRecord(SideFacts):
    """How the images of one side (source or target) are read and stored.

    `value_range` holds the stored values that are mapped to -1 and 1. `alpha`: the last channel is
    opacity, see `images.resize.resize`. `file_dtype` is that of translated files where it is not
    `dtype`, see `images.stored`. `stated_nodata` is the value that the files of a side with nodata
    "file" state, the most frequent one; "nan" for NaN, which JSON cannot hold. The other fields are
    those of `config.SideConfig`.
    """

    __pydantic_config__ = _STRICT

    kind: Kind
    channels: int
    dtype: str
    value_range: tuple[float, float]
    kernel: AnyKernel
    grayscale: bool = False
    num_labels: int | None = None
    void_label: int | None = None
    alpha: bool = False
    array_key: str | None = None
    axes: Axes = "HWC"
    slices: SlicesRule | None = None
    file_dtype: WrittenDtype | None = None
    ignore_label: int | None = None
    nodata: Nodata | None = None
    stated_nodata: StatedNodata = None
    encoding: Encoding = "scaled"


@dataclass(frozen=True, slots=True)
class ExtraSourceRecord:
    """A further source image of each pair, see `config.ExtraSource`.

    `scale` is how many times as high and wide as the source its files are; None: it varies.
    """

    __pydantic_config__ = _STRICT

    name: SourceName
    side: SideRecord
    scale: float | None


@dataclass(frozen=True, slots=True)
class SplitRecord:
    """The pairs of a split, in the order of its arrays; `hash` covers their ids and contents.

    `size_px` is the size that the rule `resize` needs, see `config.Scale`.
    """

    __pydantic_config__ = _STRICT

    size_px: LoadSize | None
    pair_ids: tuple[str, ...]
    content_hashes: tuple[str, ...]
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The content of manifest.json.

    `data_hash` is the hash of all other fields, and so of the decoded pixels and the settings that
    they were prepared with. It is the same on every machine.
    """

    __pydantic_config__ = _STRICT

    format: Annotated[int, Field(ge=FORMAT, le=FORMAT)]
    direction: Direction
    image_size: ImageSize
    load_size: LoadSize | None
    source: SideRecord
    target: SideRecord
    splits: dict[Split, SplitRecord]
    data_hash: str
    resize: ScaleRule = "stretch"
    target_scale: float | None = 1.0  # see `config.DataConfig.target_scale`
    extra_sources: tuple[ExtraSourceRecord, ...] = ()
    recipe: RecipeConfig | None = None  # which made side A; None: it was read from files

    def __post_init__(self) -> None:
        for split, record in self.splits.items():
            kind = {"stretch": int | tuple, "fit": int, "none": NoneType}[self.resize]
            if not isinstance(record.size_px, kind):
                raise ValueError(
                    f"splits.{split}.size_px is {record.size_px}, which does not fit resize: "
                    f"{self.resize}"
                )

    @property
    def sources(self) -> dict[str, SideRecord]:
        """The sources by name, in the order of their channels."""
        return all_sources(self.source, self.extra_sources)

    @property
    def extra_sides(self) -> tuple[SideRecord, ...]:
        """The sides of the extra sources."""
        return tuple(extra.side for extra in self.extra_sources)

    @property
    def is_masked(self) -> bool:
        """Whether there is a mask beside the images, see `data.masks`."""
        return self.source.is_masked or self.target.is_masked

    def scale(self, split: Split) -> Scale:
        """How the targets of a split were resized, and their sources with them."""
        return Scale(self.resize, self.splits[split].size_px)


def all_sources(
    source: SideRecord, extra_sources: Sequence[ExtraSourceRecord]
) -> dict[str, SideRecord]:
    """The sources by name, in the order in which the generator receives their channels."""
    return {FIRST_SOURCE: source} | {extra.name: extra.side for extra in extra_sources}


_MANIFEST = TypeAdapter(Manifest)


def load_manifest(prepared_dir: Path) -> Manifest:
    """Read prepared_dir/manifest.json.

    Raises UserError, with the command that makes the file, if it is missing, of another format, or
    was edited after it was written.
    """
    path = prepared_dir / MANIFEST_NAME
    if not path.is_file():
        raise UserError(f"{path} is missing; run `dvc repro prepare` or `dvc pull`")
    refusal = f"{path} is no manifest of format {FORMAT}"
    manifest = checked_json(_MANIFEST, path.read_bytes(), refusal=refusal, remedy=_AGAIN)
    if manifest.data_hash != content_hash(manifest):
        raise UserError(f"{path} was changed after it was written; {_AGAIN}")
    return manifest


_AGAIN = "run `dvc repro -f -s prepare`"


def content_hash(manifest: Manifest) -> str:
    """Compute the value that `data_hash` must have."""
    fields = manifest_fields(manifest)
    return sha256_of({key: fields[key] for key in fields.keys() - {"data_hash"}})


_ONCE_ALWAYS = {
    "resize": "stretch",
    "target_scale": 1.0,
    "array_key": None,
    "axes": "HWC",
    "slices": None,
    "file_dtype": None,
    "encoding": "scaled",
    "extra_sources": (),
    "recipe": None,
    "ignore_label": None,
    "nodata": None,
    "stated_nodata": None,
    "line_px": 1,
}


def manifest_fields(manifest: Manifest) -> dict[str, Any]:
    """The fields as manifest.json holds them.

    What was always so is left out, as in manifests from before it could differ: their hash stays.
    """
    fields = asdict(manifest)
    extra = [each["side"] for each in fields["extra_sources"]]
    for part in (fields, fields["source"], fields["target"], *extra):
        _leave_out(part)
    if manifest.recipe is not None:
        fields["recipe"] = recipe_fields(manifest.recipe)
    return fields


def recipe_fields(recipe: RecipeConfig) -> dict[str, Any]:
    """The fields of a recipe as manifest.json holds them, see `manifest_fields`."""
    fields = asdict(recipe)
    _leave_out(fields)
    return fields


def _leave_out(fields: dict[str, Any]) -> None:
    for key in [key for key, value in _ONCE_ALWAYS.items() if fields.get(key) == value]:
        fields.pop(key, None)


def sha256_of(value: Mapping[str, Any] | Sequence[Any]) -> str:
    """The SHA-256 of the canonical JSON of a value: sorted keys, no spaces."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
