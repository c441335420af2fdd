"""A folder of images, and what is to be translated in it."""

from pathlib import Path

from pipelines.translation.translation_plan import SourceImage, planned
from pix2pix.inference import Translator


def plan_for(translator: Translator, folder: Path) -> dict[SourceImage, Path]:
    card = translator.card
    return planned(folder / "in", folder / "out", source=card.source, target=card.target)


def write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path
