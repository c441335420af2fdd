"""The description of a version in MLflow, for people who choose a version."""

from collections.abc import Mapping
from urllib.parse import quote

from pipelines.registry.reference import VERSION_REFERENCE
from pipelines.tracking.score_table import score_table
from pix2pix.config import ScaleRule, height_width
from pix2pix.model_card import ModelCard
from pix2pix.parent_record import ParentRecord
from pix2pix.plural import counted


def version_description(card: ModelCard, metrics: Mapping[str, float]) -> str:
    """The description: a few lines of Markdown. `metrics` are those of the version's run."""
    height, width = height_width(card.image_size)
    dev = ", ".join(f"{key} {value:.4g}" for key, value in card.dev.items())
    return (
        f"pix2pix on **{card.name}**, {card.direction}, trained at "
        f"{width}x{height} px for {counted(card.epoch, 'epoch')}; "
        f"{card.inference_mode} inference.\n\n"
        f"{' + '.join(_source(name, card) for name in card.sources)} -> "
        f"{counted(card.target.channels, 'channel')} {card.target.dtype}; "
        f"{_rule(card)}.{_made(card)}\n\n"
        f"{'' if card.parent is None else _started_from(card.parent)}"
        f"{dev}\n\n{score_table(metrics)}\n"
    )


def _source(name: str, card: ModelCard) -> str:
    side = card.sources[name]
    text = f"{counted(side.channels, 'channel')} {side.dtype}"
    if side.encoding == "one_hot":
        text = f"{side.network_channels} classes"
    return f"{name}: {text}" if card.extra_sources else text


def _rule(card: ModelCard) -> str:
    rules: dict[ScaleRule, str] = {
        "stretch": "images of any size are stretched to that size",
        "fit": f"images of any size are resized to {card.load_size} px on their shorter side",
        "none": "images of any size keep their pixels; the training saw crops of that size",
    }
    size = "have the size of the image"
    if card.target_scale != 1:
        size = f"are {card.target_scale:g} times as high and wide as the image"
    return f"{rules[card.scale]}; results {size}"


def _made(card: ModelCard) -> str:
    """A sentence about the recipe, if there is one."""
    return "" if card.recipe is None else f" Side A was made from photos ({card.recipe.kind})."


def _started_from(parent: ParentRecord) -> str:
    """One paragraph about the parent; a version in MLflow is a link to its page."""
    version = VERSION_REFERENCE.fullmatch(parent.reference)
    if version is None:
        return f"Started from {parent.summary}.\n\n"
    page = f"#/models/{quote(version['name'], safe='')}/versions/{version['version']}"
    link = f"[{parent.reference}]({page})"
    return f"Started from {parent.summary.replace(parent.reference, link)}.\n\n"
