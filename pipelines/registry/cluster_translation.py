"""Translate the images of a folder on a Ray cluster whose nodes all see both folders."""

import logging
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from pipelines.cluster.ordered_map import map_in_order
from pipelines.evaluation.device import best_device
from pipelines.evaluation.model_content import MODEL_FILES
from pipelines.registry.folder_translation import PROGRESS_S, SourceImage, translate_file
from pix2pix.errors import StorageError
from pix2pix.inference import Scale, Translator
from pix2pix.models import InferenceMode

logger = logging.getLogger(__name__)

_STORAGE = "storage: "  # begins the result for an image whose output could not be written


def translate_on_cluster(
    model_dir: Path,
    plan: Mapping[SourceImage, Path],
    *,
    scale: Scale,
    mode: InferenceMode | None,
    max_memory_gib: float | None,
    from_photo: bool,
) -> dict[SourceImage, str]:
    """Translate and write each image, as `translate_files` does, with the model of a folder.

    Returns the images that failed, in the order of the plan, with the reasons. Raises
    ConnectionError if there is no cluster, StorageError if a file cannot be written.
    """
    failures: dict[SourceImage, str] = {}
    if not plan:
        return failures
    options = {
        "model_files": {name: (model_dir / name).read_bytes() for name in MODEL_FILES},
        "scale": scale,
        "mode": mode,
        "max_memory_gib": max_memory_gib,
        "from_photo": from_photo,
    }
    results = map_in_order(_FileTranslator, list(plan.items()), options=options)
    logged_s = time.monotonic()
    for number, (source, reason) in enumerate(zip(plan, results, strict=True), start=1):
        if reason.startswith(_STORAGE):
            raise StorageError(reason.removeprefix(_STORAGE))
        if reason:
            failures[source] = reason
        if time.monotonic() - logged_s >= PROGRESS_S:
            logger.info("%d of %d images", number, len(plan))
            logged_s = time.monotonic()
    return failures


class _FileTranslator:
    """Translates files in a process of the cluster."""

    def __init__(
        self,
        *,
        model_files: Mapping[str, bytes],
        scale: Scale,
        mode: InferenceMode | None,
        max_memory_gib: float | None,
        from_photo: bool,
    ) -> None:
        self._scale = scale
        with tempfile.TemporaryDirectory() as folder:
            for name, content in model_files.items():
                Path(folder, name).write_bytes(content)
            self._translator = Translator.load(
                Path(folder),
                device=str(best_device()),
                mode=mode,
                max_memory_gib=max_memory_gib,
                from_photo=from_photo,
            )

    def __call__(self, item: tuple[SourceImage, Path]) -> str:
        """The reason why the image could not be translated; empty: it was."""
        source, output = item
        try:
            return translate_file(self._translator, source, output, scale=self._scale) or ""
        except StorageError as error:  # its own exception would not tell the file across processes
            return f"{_STORAGE}{error}"
