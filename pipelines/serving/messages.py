"""What the HTTP side and a model ask of each other."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from pix2pix.images.encode import MediaType
from pix2pix.inference import InferenceScale

FIRST_FIELD = "image"  # that of the first source; the extra sources have fields of their names


@dataclass(frozen=True, slots=True)
class Question:
    """The content of an image file for each source, and how the translation is wanted.

    `files` has the names of fields: `image` for the first source, and the names of the extra
    sources. `media_type` None: PNG, or TIFF where PNG cannot store the result.
    """

    files: Mapping[str, bytes]
    media_type: MediaType | None = None
    scale: InferenceScale = "training"


@dataclass(frozen=True, slots=True)
class Answer:
    """A translation as the content of a file, and what made it."""

    content: bytes
    media_type: MediaType
    model: str
    version: str
    protocol: str
    unlike_training: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why there is no translation: an HTTP status and one sentence."""

    status: int
    reason: str


class BusyError(Exception):
    """More requests wait than `ServeOptions.max_queued`."""


class ServedModel(Protocol):
    """A model, wherever it runs."""

    async def answer(self, question: Question) -> Answer | Refusal:
        """Translate. Raises BusyError."""

    async def describe(self) -> dict[str, Any]:
        """What `GET /models` says of it. Raises BusyError."""

    async def example(self, number: int, field: str) -> bytes | None:
        """An image file of an example for a field of `Question.files`; None if there is none."""
