"""A scan in files of several formats, and their translation."""

from pathlib import Path

import numpy as np

from pipelines.translation.translated_files import translate_files
from pipelines.translation.translation_plan import SourceImage, planned
from pix2pix.data.manifest import SideRecord
from pix2pix.inference import Translator
from pix2pix.models import GeneratorConfig
from tests.support.model_folders import write_model

SCANS = SideRecord("image", 1, "float32", (-1000.0, 3000.0), "area", file_dtype="int16")


RANGES = np.random.default_rng(0)


SCAN = RANGES.integers(-1000, 3000, (40, 51)).astype(np.int16)


GEO = [
    (33550, "d", 3, (10.0, 10.0, 0.0), True),
    (33922, "d", 6, (0.0, 0.0, 0.0, 399960.0, 5400000.0, 0.0), True),
    (34735, "H", 8, (1, 1, 0, 1, 3072, 0, 1, 32632), True),
]


def make_translator(folder: Path, source: SideRecord, target: SideRecord = SCANS) -> Translator:
    write_model(
        folder / "models",
        source=source,
        target=target,
        generator=GeneratorConfig(
            source_channels=source.channels,
            target_channels=target.channels,
            base_channels=4,
            depth=5,
        ),
    )
    return Translator.load(folder / "models")


def translated(
    folder: Path, translator: Translator, name: str, data: bytes
) -> tuple[dict[str, bytes], dict[SourceImage, str]]:
    """The written files of one input file, and the failures."""
    (folder / "in").mkdir(exist_ok=True)
    (folder / "in" / name).write_bytes(data)
    card = translator.card
    plan = planned(folder / "in", folder / "out", source=card.source, target=card.target)
    failures = translate_files(translator, plan)
    written = {path.name: path.read_bytes() for path in sorted((folder / "out").glob("*"))}
    return written, failures
