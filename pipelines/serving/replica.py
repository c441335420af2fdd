"""A model in a process of its own: a replica of a Ray Serve deployment.

A replica asks the registry every few seconds whether its reference, such as NAME@champion, names
another version now. The new version is loaded beside the old one and then takes its place; requests
that are under way end with the version that they began with, so none is lost.
"""

import asyncio
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from ray import serve
from ray.serve.metrics import Counter

from pipelines.registry.loaded_version import LoadedVersion, load_version, number_of
from pipelines.serving import translation
from pipelines.serving.failed_load import FailedLoad, failed_load
from pipelines.serving.messages import Answer, Question, Refusal
from pipelines.serving.options import ServeOptions
from pipelines.serving.translation import Job

logger = logging.getLogger("ray.serve")  # Serve writes this logger's lines to the replica's log


class ModelReplica:
    """Answers questions with the version that a reference names."""

    def __init__(self, reference: str, uri: str, options: ServeOptions) -> None:
        self._reference, self._uri, self._options = reference, uri, options
        self._version = self._load()
        self._failed: FailedLoad | None = None
        self._compute = ThreadPoolExecutor(1)  # batches one after the other
        # Methods that Serve adds to a batched function, unknown to its type.
        self._translate.set_max_batch_size(options.max_batch_size)  # type: ignore[attr-defined]
        self._translate.set_batch_wait_timeout_s(  # type: ignore[attr-defined]
            options.batch_wait_ms / 1000
        )
        self._answers = Counter(
            "pix2pix_answers",
            description="Answers of a model by version and HTTP status.",
            tag_keys=("model", "version", "status"),  # type: ignore[arg-type]
        )
        self._unlike = Counter(
            "pix2pix_unlike_training",
            description="Translated images whose pixel statistics are unlike the training's.",
            tag_keys=("model", "version"),  # type: ignore[arg-type]
        )
        self._following = asyncio.get_running_loop().create_task(self._follow())

    async def answer(self, question: Question) -> Answer | Refusal:
        """Translate files with the version of this moment."""
        version = self._version
        outcome = await self._answer(version, question)
        tags = {"model": version.name, "version": version.number}
        status = outcome.status if isinstance(outcome, Refusal) else 200
        self._answers.inc(tags={**tags, "status": str(status)})
        if isinstance(outcome, Answer) and outcome.unlike_training:
            self._unlike.inc(tags=tags)
        return outcome

    async def _answer(self, version: LoadedVersion, question: Question) -> Answer | Refusal:
        max_pixels = self._options.max_pixels
        job = await asyncio.to_thread(translation.job, version, question, max_pixels=max_pixels)
        if isinstance(job, Refusal):
            return job
        result = await self._translate(job)
        if isinstance(result, Refusal):
            return result
        return await asyncio.to_thread(translation.answer, question, job, result)

    @serve.batch
    async def _translate(self, jobs: list[Job]) -> list[np.ndarray | Refusal]:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._compute, translation.translate, jobs)

    async def describe(self) -> dict[str, Any]:
        """What `GET /models` says of the version."""
        return translation.description(self._version)

    async def example(self, number: int, field: str) -> bytes | None:
        """See `messages.ServedModel`."""
        return translation.example(self._version, number, field)

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(self._options.look_s)
            try:
                await self._take_over()
            except Exception as error:  # noqa: BLE001 - whatever MLflow or a new version raises
                # The version that is loaded goes on; the next look may succeed.
                reason = " ".join(str(error).split())  # one line
                logger.warning("%s: no other version was loaded: %s", self._reference, reason)

    async def _take_over(self) -> None:
        number = await asyncio.to_thread(number_of, self._uri, self._reference)
        if number == self._version.number:
            self._failed = None
            return
        if self._failed is not None and self._failed.holds_back(number, now_s=time.monotonic()):
            return
        try:
            version = await asyncio.to_thread(self._load)
        except Exception:
            self._failed = failed_load(
                number,
                self._failed,
                now_s=time.monotonic(),
                first_pause_s=self._options.look_s,
            )
            raise
        logger.warning(
            "%s: version %s takes over from %s",
            self._reference,
            version.number,
            self._version.number,
        )
        self._version, self._failed = version, None

    def _load(self) -> LoadedVersion:
        limit = self._options.max_memory_gib
        return load_version(self._uri, self._reference, max_memory_gib=limit)
