"""Make and write manifest.json for the pairs that passed the checks."""

import json
from dataclasses import replace
from pathlib import Path

from pix2pix.config import DataConfig, SideConfig
from pix2pix.data.manifest import (
    FORMAT,
    MANIFEST_NAME,
    ExtraSourceRecord,
    Manifest,
    SideRecord,
    SplitRecord,
    content_hash,
    manifest_fields,
    recipe_fields,
    sha256_of,
)
from pix2pix.data.splits import SPLITS, Split
from pix2pix.errors import UserError
from pix2pix.files import write_text
from pix2pix.images.image import value_range
from pix2pix.images.names import REMEDY as NAME_REMEDY
from pix2pix.images.names import first_names, is_utf8, printable
from pix2pix.images.stored import written_dtype
from pix2pix.preparation.report import CheckReport


def make_manifest(report: CheckReport, config: DataConfig) -> Manifest:
    """The manifest of the pairs of `report`, prepared with the settings of `config`."""
    extra = [
        ExtraSourceRecord(
            each.name,
            _side_record(each.side, report, config, role=role),
            config.source_ratio(each.side),
        )
        for role, each in enumerate(config.extra_sources, start=2)
    ]
    unhashed = Manifest(
        format=FORMAT,
        direction=config.direction,
        image_size=config.image_size,
        load_size=config.load_size,
        source=_side_record(config.source_side, report, config, role=0),
        target=_side_record(config.target_side, report, config, role=1),
        splits={split: _split_record(report, split, config) for split in SPLITS},
        data_hash="",
        resize=config.resize,
        target_scale=config.target_scale,
        extra_sources=tuple(extra),
        recipe=None if config.recipe.kind is None else config.recipe,
    )
    return replace(unhashed, data_hash=content_hash(unhashed))


def write_manifest(directory: Path, manifest: Manifest) -> None:
    """Write directory/manifest.json. Raises UserError naming the pair ids that are not UTF-8."""
    ids = [pair_id for record in manifest.splits.values() for pair_id in record.pair_ids]
    bad = [printable(pair_id) for pair_id in ids if not is_utf8(pair_id)]
    if bad:
        raise UserError(f"pairs with a name that is not UTF-8: {first_names(bad)}; {NAME_REMEDY}")
    text = json.dumps(manifest_fields(manifest), indent=1, ensure_ascii=False)
    write_text(directory / MANIFEST_NAME, f"{text}\n")


def _side_record(
    side: SideConfig, report: CheckReport, config: DataConfig, *, role: int
) -> SideRecord:
    dtype = report.dtypes[role]
    low, high = value_range(report.file_dtypes[role], side)
    return SideRecord(
        kind=side.kind,
        channels=side.channels,
        dtype=dtype,
        value_range=(float(low), float(high)),
        kernel=config.kernel(side),
        grayscale=side.grayscale,
        num_labels=side.num_labels,
        void_label=side.void_label,
        alpha=report.has_alpha[role],
        array_key=side.array_key,
        axes=side.axes,
        slices=side.slices,
        encoding=side.encoding,
        file_dtype=written_dtype(report.file_dtypes[role]) if dtype == "float32" else None,
        ignore_label=side.ignore_label,
        nodata=side.nodata,
        stated_nodata=report.stated_nodata[role],
    )


def _split_record(report: CheckReport, split: Split, config: DataConfig) -> SplitRecord:
    pairs = report.of_split(split)
    pair_ids = tuple(pair.files.pair_id for pair in pairs)
    content_hashes = tuple(pair.content_hash for pair in pairs)
    # Side A is a function of the photos and of the recipe.
    recipe = [] if config.recipe.kind is None else [recipe_fields(config.recipe)]
    return SplitRecord(
        size_px=config.scale(split).size,
        pair_ids=pair_ids,
        content_hashes=content_hashes,
        hash=sha256_of([pair_ids, content_hashes, *recipe]),
    )
