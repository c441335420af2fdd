"""The Ray Serve application: one deployment for HTTP, and one for each model."""

import re
from typing import Any

import httpx
import ray
from fastapi import FastAPI
from ray import serve
from ray.exceptions import RayActorError
from ray.serve import Application
from ray.serve.config import AutoscalingConfig, RequestRouterConfig
from ray.serve.exceptions import BackPressureError
from ray.serve.handle import DeploymentHandle
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_fixed

from pipelines.serving.access import TOKEN_VARIABLE, Access, token_digest
from pipelines.serving.http_app import make_app
from pipelines.serving.messages import Answer, BusyError, Question, Refusal
from pipelines.serving.options import ServeOptions
from pipelines.serving.replica import ModelReplica
from pipelines.tracking.uri import tracking_uri
from pix2pix.errors import UserError

_TRIES = 5  # replicas that may be lost under one request
_PAUSE_S = 0.2
_START_TRIES = 20  # Ray's own limit; below it, Ray tries three times for each replica
_INGRESS_REQUESTS = 256  # at once, each with its body in memory; further ones wait in the proxy
_SHUTDOWN_S = 20.0
# How long a waiting request may pass a replica that has become free. Ray's 0.5 s let a full replica
# stand idle for two thirds of the time (64 clients, benchmarks.serving).
_LONGEST_PAUSE_S = 0.05
_METRICS = re.compile(
    r"^(?:# (?:HELP|TYPE) )?(?:ray_serve|ray_pix2pix|serve|pix2pix)_", re.MULTILINE
)


def build(args: ServeOptions) -> Application:
    """The application for `serve deploy` and KubeRay, which listen on every address of a node.

    Raises UserError without a token.
    """
    digest = token_digest()
    if digest is None:
        raise UserError(f"set {TOKEN_VARIABLE}: a cluster's server can be reached by others")
    return application(args, uri=tracking_uri(), digest=digest, start_tries=_START_TRIES)


def application(
    options: ServeOptions, *, uri: str, digest: bytes | None, start_tries: int
) -> Application:
    """The application over the models in the MLflow of `uri`; `digest` is the token's, if any.

    After so many replicas that could not start (`start_tries`) before one has, it has failed.
    """
    references = [reference.removeprefix("models:/") for reference in options.models]
    models = {each: _model(each, uri, options, start_tries=start_tries) for each in references}
    ingress = serve.deployment(
        name="http",
        ray_actor_options={"num_cpus": 0},
        max_ongoing_requests=_INGRESS_REQUESTS,
        graceful_shutdown_timeout_s=_SHUTDOWN_S,
    )(_Ingress)
    return ingress.bind(models, options, digest)


def _model(reference: str, uri: str, options: ServeOptions, *, start_tries: int) -> Application:
    fixed = options.min_replicas == options.max_replicas
    deployment = serve.deployment(
        name=re.sub(r"\W", "-", reference),
        num_replicas=options.min_replicas if fixed else None,
        autoscaling_config=None
        if fixed
        else AutoscalingConfig(
            min_replicas=options.min_replicas,
            max_replicas=options.max_replicas,
            target_ongoing_requests=options.max_batch_size,
        ),
        ray_actor_options={
            "num_cpus": options.cpus_per_replica,
            "num_gpus": options.gpus_per_replica,
        },
        # One batch is translated while the next one is decoded.
        max_ongoing_requests=2 * options.max_batch_size,
        max_queued_requests=options.max_queued,
        request_router_config=RequestRouterConfig(
            max_backoff_s=_LONGEST_PAUSE_S  # type: ignore[arg-type]  # Ray's type is wrong
        ),
        graceful_shutdown_timeout_s=_SHUTDOWN_S,
        max_constructor_retry_count=start_tries,
    )(ModelReplica)
    return deployment.bind(reference, uri, options)


class RemoteModel:
    """A model's deployment, as `messages.ServedModel`.

    A translation changes nothing, so what a lost replica was asked is asked of another one.
    """

    def __init__(self, handle: DeploymentHandle[Any]) -> None:
        self._handle = handle

    async def answer(self, question: Question) -> Answer | Refusal:
        """See `ServedModel`."""
        answer: Answer | Refusal = await self._ask("answer", question)
        return answer

    async def describe(self) -> dict[str, Any]:
        """See `ServedModel`."""
        description: dict[str, Any] = await self._ask("describe")
        return description

    async def example(self, number: int, field: str) -> bytes | None:
        """See `ServedModel`."""
        example: bytes | None = await self._ask("example", number, field)
        return example

    @retry(
        retry=retry_if_exception_type(RayActorError),
        stop=stop_after_attempt(_TRIES),
        wait=wait_fixed(_PAUSE_S),
        reraise=True,
    )
    async def _ask(self, method: str, *arguments: Any) -> Any:
        try:
            return await getattr(self._handle, method).remote(*arguments)
        except BackPressureError:
            raise BusyError from None


@serve.ingress()
class _Ingress:
    """The deployment that speaks HTTP."""

    def __init__(
        self,
        models: dict[str, DeploymentHandle[Any]],
        options: ServeOptions,
        digest: bytes | None,
    ) -> None:
        self._models, self._options, self._digest = models, options, digest

    def __serve_build_asgi_app__(self) -> FastAPI:
        return make_app(
            {reference: RemoteModel(handle) for reference, handle in self._models.items()},
            access=Access(self._digest),
            max_body_bytes=self._options.max_body_bytes,
            metrics=_metrics,
        )


async def _metrics() -> str:
    """What Ray counts of Serve and of the models on this node, in the format of Prometheus."""
    node_id = ray.get_runtime_context().get_node_id()
    node = next(each for each in ray.nodes() if each["NodeID"] == node_id)
    address = f"http://{node['NodeManagerAddress']}:{node['MetricsExportPort']}/metrics"
    text = await _page(address)
    return "".join(f"{line}\n" for line in text.splitlines() if _METRICS.match(line))


async def _page(address: str) -> str:
    """The text at an address of this node, for which no proxy of the environment is asked."""
    async with httpx.AsyncClient(trust_env=False) as client:
        return (await client.get(address)).text
