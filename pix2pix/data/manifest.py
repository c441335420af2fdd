"""manifest.json: what the prepared arrays are, and which pictures they came from.

All that is prepared is a reason to train anew where it changes. So what a training does not depend
on is not in here: the name of the data set, which is in params.yaml, and the pairs that were left
out, which are in the report of the checks.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from pix2pix.config import DataConfig, Direction, Kind, SideConfig
from pix2pix.data.splits import SPLITS, Split
from pix2pix.errors import UserError
from pix2pix.files import write_text
from pix2pix.images.image import AnyKernel, value_range
from pix2pix.images.names import REMEDY as NAME_REMEDY
from pix2pix.images.names import is_utf8, shown, some
from pix2pix.preparation.report import CheckReport

MANIFEST_NAME = "manifest.json"
FORMAT = 2

_STRICT = ConfigDict(extra="forbid", strict=True)


@dataclass(frozen=True, slots=True)
class SideRecord:
    """How the images of a role (source or target) are read and stored.

    `value_range` maps to [-1, 1]; `grayscale`, `num_labels` and `void_label` are those of the side;
    `alpha`: the last channel is opacity, see `resize`.
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


@dataclass(frozen=True, slots=True)
class SplitRecord:
    """The pairs of a split, in the order of its arrays; `hash` is over ids and contents."""

    __pydantic_config__ = _STRICT

    size_px: int
    pair_ids: tuple[str, ...]
    content_hashes: tuple[str, ...]
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """All of manifest.json.

    `data_hash` stands for the pixels as read and what was done with them: it is the same on any
    machine.
    """

    __pydantic_config__ = _STRICT

    format: Annotated[int, Field(ge=FORMAT, le=FORMAT)]
    direction: Direction
    image_size: int
    load_size: int
    source: SideRecord
    target: SideRecord
    splits: dict[Split, SplitRecord]
    data_hash: str


_MANIFEST = TypeAdapter(Manifest)


def make_manifest(report: CheckReport, config: DataConfig) -> Manifest:
    """The manifest of the sound pairs of `report`, prepared as `config` says."""
    unhashed = Manifest(
        format=FORMAT,
        direction=config.direction,
        image_size=config.image_size,
        load_size=config.load_size,
        source=_side_record(config.source_side, report, config, role=0),
        target=_side_record(config.target_side, report, config, role=1),
        splits={split: _split_record(report, split, config) for split in SPLITS},
        data_hash="",
    )
    return replace(unhashed, data_hash=_data_hash(unhashed))


def write_manifest(directory: Path, manifest: Manifest) -> None:
    """Write directory/manifest.json. Raises UserError naming the ids that are no UTF-8."""
    ids = [pair_id for record in manifest.splits.values() for pair_id in record.pair_ids]
    bad = [shown(pair_id) for pair_id in ids if not is_utf8(pair_id)]
    if bad:
        raise UserError(f"pairs with a name that is not UTF-8: {some(bad)}; {NAME_REMEDY}")
    text = json.dumps(asdict(manifest), indent=1, ensure_ascii=False)
    write_text(directory / MANIFEST_NAME, f"{text}\n")


def load_manifest(prepared_dir: Path) -> Manifest:
    """Read prepared_dir/manifest.json.

    Raises UserError with the command that makes it, ValueError if it is not as written.
    """
    path = prepared_dir / MANIFEST_NAME
    if not path.is_file():
        raise UserError(f"{path} is missing; run `dvc repro prepare` or `dvc pull`")
    try:
        manifest = _MANIFEST.validate_json(path.read_bytes())
    except ValidationError as error:
        raise UserError(f"{path} is no manifest of format {FORMAT}: {error}; {_AGAIN}") from None
    if manifest.data_hash != _data_hash(manifest):
        raise UserError(f"{path} was changed after it was written; {_AGAIN}")
    return manifest


_AGAIN = "run `dvc repro --force prepare`"


def _side_record(
    side: SideConfig, report: CheckReport, config: DataConfig, *, role: int
) -> SideRecord:
    dtype = report.dtypes[role]
    low, high = value_range(dtype, side)
    return SideRecord(
        kind=side.kind,
        channels=side.channels,
        dtype=dtype,
        value_range=(float(low), float(high)),
        kernel="nearest" if side.kind == "labels" else config.resize_kernel,
        grayscale=side.grayscale,
        num_labels=side.num_labels,
        void_label=side.void_label,
        alpha=report.has_alpha[role],
    )


def _split_record(report: CheckReport, split: Split, config: DataConfig) -> SplitRecord:
    pairs = [pair for pair in report.pairs if pair.split == split]
    pair_ids = tuple(pair.files.pair_id for pair in pairs)
    content_hashes = tuple(pair.content_hash for pair in pairs)
    return SplitRecord(
        size_px=config.load_size if split == "train" else config.image_size,
        pair_ids=pair_ids,
        content_hashes=content_hashes,
        hash=_sha256_of([pair_ids, content_hashes]),
    )


def _data_hash(manifest: Manifest) -> str:
    fields = asdict(manifest)
    return _sha256_of({key: fields[key] for key in fields.keys() - {"data_hash"}})


def _sha256_of(value: Mapping[str, Any] | Sequence[Any]) -> str:
    """Over the canonical JSON: sorted keys, no spaces."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
