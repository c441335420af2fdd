"""Parameters of further source images of each pair: `data.extra_sources`."""

import json
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import (
    Field,
    GetJsonSchemaHandler,
    TypeAdapter,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from pix2pix.config.patterns import SOURCE_NAME
from pix2pix.config.side import SideConfig
from pix2pix.config.sizes import ScaleRule
from pix2pix.config.strict import STRICT

# The first source has the name `source`, in requests `image`; the others are words of pair_pattern
# and of the prepared files.
_TAKEN = ("a", "b", "image", "key", "source", "target")
_DEFAULTS: dict[str, Any] = {
    "grayscale": False,
    "num_labels": None,
    "void_label": None,
    "encoding": "scaled",
    "value_range": None,
    "array_key": None,
    "axes": "HWC",
    "slices": None,
    "scale": 1.0,
    "ignore_label": None,
    "nodata": None,
}
MAX_SOURCE_CHANNELS = 512  # of all sources together; more than ADE20k and COCO have classes
SourceName = Annotated[str, Field(pattern=SOURCE_NAME)]


def _completed(value: Any, validate: ValidatorFunctionWrapHandler) -> SideConfig:
    """Add the keys that were left out, which in a list no preset can do."""
    if isinstance(value, dict):
        # As JSON: from Python objects, strict validation accepts no list in place of a tuple.
        return _SIDE.validate_json(json.dumps(_DEFAULTS | value))
    side: SideConfig = validate(value)
    return side


_SIDE = TypeAdapter(SideConfig)


class _FewRequired:
    """Tells forms and editors which keys cannot be left out."""

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        described = handler(schema)
        resolved = handler.resolve_ref_schema(described)
        resolved["required"] = [key for key in resolved["properties"] if key not in _DEFAULTS]
        return described


@dataclass(frozen=True, kw_only=True, slots=True)
class ExtraSource:
    """A further image of each pair that the generator receives, with a folder of its own."""

    __pydantic_config__ = STRICT

    name: SourceName
    """Name of this source, such as depth: up to 32 small letters, digits and _, beginning with a
    letter. Translating asks for it, and it can be a group of pair_pattern."""

    folder: Annotated[str, Field(min_length=1)]
    """Folder of the images, relative to data.path. Its files pair with those of folder_a and
    folder_b."""

    side: Annotated[SideConfig, WrapValidator(_completed), _FewRequired()]
    """What the images are: the keys of side_a. Only kind and channels are required; without the
    other keys, the images are read as they are stored."""


def check_extra_sources(
    extra: Sequence[ExtraSource],
    *,
    layout: str,
    resize: ScaleRule,
    folders: Sequence[str],
    pattern: str | None,
) -> None:
    """Raise ValueError if the sources contradict each other or the other settings.

    `folders` are those of the sides A and B. Files of one folder are told apart by groups of
    `pattern` alone, see `data.pair_pattern`.
    """
    if extra and layout != "two_folders":
        raise ValueError("extra_sources have folders of their own: set layout: two_folders")
    masked = [each.name for each in extra if each.side.is_masked]
    if masked:
        raise ValueError(
            f"extra_sources: {masked[0]} has nodata or ignore_label, which only side_a and side_b "
            "can have; fill these pixels, or make void_label a class of them"
        )
    if resize == "none" and any(each.side.scale is None for each in extra):
        raise ValueError(
            "resize: none keeps pixels as they are, so scale of each of extra_sources must be a "
            "number"
        )
    names = [each.name for each in extra]
    for place, name in enumerate(names):
        if name in _TAKEN or name in names[:place]:
            raise ValueError(f"extra_sources: the name {name!r} is taken; choose another one")
    groups = set() if pattern is None else set(re.compile(pattern).groupindex)
    if "a" in groups:
        _check_groups(names, groups)
        return
    used = list(folders)
    for each in extra:
        if each.folder in used:
            raise ValueError(
                f"extra_sources: {each.name} has the folder {each.folder!r} of another input; give "
                "it a folder of its own, or pair_pattern groups that tell the files apart"
            )
        used.append(each.folder)


def _check_groups(names: Sequence[str], groups: Collection[str]) -> None:
    missing = [name for name in names if name not in groups]
    if missing:
        raise ValueError(
            f"pair_pattern has the groups a and b, and so needs one for each of extra_sources; "
            f"there is no group named {missing[0]}"
        )
