"""Check whether a model was trained on prepared data, and whether it can be scored on them."""

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

from pix2pix.config import RecipeConfig
from pix2pix.data.manifest import Manifest, load_manifest
from pix2pix.errors import UserError
from pix2pix.model_card import ModelCard, load_card


def check_trained_on(model_dir: Path, prepared_dir: Path) -> None:
    """Raise UserError if the model of `model_dir` was not trained on this prepared data."""
    obstacle = other_data(model_dir, prepared_dir)
    if obstacle is not None:
        raise UserError(obstacle)


def other_data(model_dir: Path, prepared_dir: Path) -> str | None:
    """That the model was not trained on this prepared data, and what to do; None if it was."""
    if load_card(model_dir).data_hash == load_manifest(prepared_dir).data_hash:
        return None
    return f"{model_dir} was trained on other data than {prepared_dir} holds; run `dvc repro`"


def misfit(card: ModelCard, manifest: Manifest) -> str | None:
    """Return why the model cannot be scored on this data; None if it can.

    The data must be prepared as the model's own translations prepare images: with another size or
    another kernel, the score would not be that of the translations. The content of the images is
    not compared.
    """
    reasons = [
        f"its {what} is {_text(model)}, the data's {_text(data)}"
        for what, model, data in _settings(card, manifest)
        if model != data
    ]
    return "; ".join(reasons) or None


def _settings(card: ModelCard, manifest: Manifest) -> Iterator[tuple[str, object, object]]:
    """Yield the name, the model's value and the data's value of each setting that must agree."""
    yield "direction", card.direction, manifest.direction
    yield "resize rule", card.scale, manifest.resize
    yield "image size", card.image_scale.size, manifest.scale("dev").size
    yield "target scale", card.target_scale, manifest.target_scale or 1.0
    for field in fields(RecipeConfig):
        recipes = (card.recipe, manifest.recipe)
        if field.name == "kind" or None not in recipes:
            model, data = (getattr(each, field.name, None) for each in recipes)
            yield f"recipe.{field.name}", model, data
    yield "list of sources", list(card.sources), list(manifest.sources)
    sources = [
        (name, card.sources[name], data)
        for name, data in manifest.sources.items()
        if name in card.sources
    ]
    for name, model, data in sources:
        yield f"{name} kernel", model.kernel, data.kernel
        yield f"{name} encoding", model.encoding, data.encoding
        yield f"{name} nodata", model.nodata, data.nodata
        yield f"{name} ignore_label", model.ignore_label, data.ignore_label
    for role, model, data in (*sources, ("target", card.target, manifest.target)):
        yield f"number of {role} channels", model.channels, data.channels
        yield f"{role} dtype", model.dtype, data.dtype
        yield f"{role} value range", list(model.value_range), list(data.value_range)


def _text(value: object) -> str:
    """The value as params.yaml has it."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_text, value))}]"
    return "null" if value is None else str(value)
