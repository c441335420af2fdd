"""A registered version in memory, ready to translate."""

from dataclasses import dataclass

from pipelines.evaluation.device import inference_device
from pipelines.registry.examples import Example, read_examples
from pipelines.registry.lookup import find_version
from pipelines.registry.model_files import downloaded
from pipelines.tracking.connection import connected
from pix2pix.inference import Translator


@dataclass(frozen=True, slots=True)
class LoadedVersion:
    """A version: its translator, its scores (dev/..., test/...), and examples of its sources."""

    name: str
    number: str
    translator: Translator
    scores: dict[str, float]
    examples: tuple[Example, ...]


def load_version(uri: str, reference: str, *, max_memory_gib: float | None) -> LoadedVersion:
    """Load the version that `reference` names at the MLflow of `uri`, on a GPU if there is one.

    Raises UserError if there is no such version or its files are not as registered;
    ConnectionError if MLflow does not answer.
    """
    with connected(uri) as client:
        version = find_version(client, reference)
        with downloaded(client, version) as model_dir:
            translator = Translator.load(
                model_dir, device=str(inference_device()), max_memory_gib=max_memory_gib
            )
        return LoadedVersion(
            name=version.name,
            number=str(version.version),
            translator=translator,
            scores={key: float(text) for key, text in version.tags.items() if _is_score(key)},
            examples=read_examples(client, version),
        )


def _is_score(tag: str) -> bool:
    return tag.startswith(("dev/", "test/"))


def number_of(uri: str, reference: str) -> str:
    """The number of the version that `reference` names now. Raises as `load_version`."""
    with connected(uri) as client:
        return str(find_version(client, reference).version)
