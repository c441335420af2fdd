"""Translate the images of a folder on a Ray cluster whose nodes all see both folders."""

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from pipelines.cluster.ordered_map import map_in_order
from pipelines.evaluation.model_content import MODEL_FILES
from pipelines.translation.translated_files import failures_of, translate_file
from pipelines.translation.translation_plan import SourceImage
from pipelines.translation.translator_options import TranslatorOptions
from pix2pix.errors import StorageError


def translate_on_cluster(
    model_dir: Path,
    plan: Mapping[SourceImage, Path],
    options: TranslatorOptions,
) -> dict[SourceImage, str]:
    """Translate and write each image, as `translate_files` does, with the model of a folder.

    Returns the images that failed, in the order of the plan, with the reasons. Raises
    ConnectionError if there is no cluster, StorageError if a file cannot be written.
    """
    if not plan:
        return {}
    model_files = {name: (model_dir / name).read_bytes() for name in MODEL_FILES}
    results = map_in_order(
        _FileTranslator,
        [(_absolute(source), output.absolute()) for source, output in plan.items()],
        options={"model_files": model_files, "options": options},
    )
    return failures_of(plan, _reasons(results))


def _reasons(results: Iterable[str | StorageError | None]) -> Iterator[str | None]:
    """The results of `_FileTranslator`, up to the first error, which is raised."""
    for result in results:
        if isinstance(result, StorageError):
            raise result
        yield result


def _absolute(source: SourceImage) -> SourceImage:
    """The same files for processes whose current folder is another one."""
    extra_paths = tuple((name, path.absolute()) for name, path in source.extra_paths)
    return replace(source, path=source.path.absolute(), extra_paths=extra_paths)


class _FileTranslator:
    """Translates files in a process of the cluster."""

    def __init__(self, *, model_files: Mapping[str, bytes], options: TranslatorOptions) -> None:
        self._scale = options.scale
        with tempfile.TemporaryDirectory() as folder:
            for name, content in model_files.items():
                Path(folder, name).write_bytes(content)
            self._translator = options.load(Path(folder))

    def __call__(self, item: tuple[SourceImage, Path]) -> str | StorageError | None:
        """The reason why the image could not be translated; None: it was.

        Also the error of a file that cannot be written: raised here, it would be one of Ray Data.
        """
        source, output = item
        try:
            return translate_file(self._translator, source, output, scale=self._scale)
        except StorageError as error:
            return error
