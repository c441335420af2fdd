"""An S3 server on a loopback port, with a bucket, for tests that need an object store."""

import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import boto3
from moto.server import ThreadedMotoServer

_REGION = "us-east-1"
_KEY = "test"  # the server takes any


@dataclass(frozen=True)
class S3Server:
    """A running server; `environment` is all that a process needs to use it."""

    endpoint_url: str
    bucket: str
    client: Any  # a boto3 client of this server, whatever the environment says
    requests: list[str] = field(default_factory=list)  # "GET /bucket/key", as they came in

    @property
    def environment(self) -> dict[str, str]:
        """Variables that boto3, s3fs (DVC) and pyarrow (Ray) read; to be added to a process's."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": _KEY,
            "AWS_SECRET_ACCESS_KEY": _KEY,
            "AWS_DEFAULT_REGION": _REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "NO_PROXY": "127.0.0.1",
        }

    def keys(self, prefix: str = "") -> dict[str, int]:
        """Sizes of the objects in the bucket, by key."""
        pages = self.client.get_paginator("list_objects_v2")
        return {
            item["Key"]: item["Size"]
            for page in pages.paginate(Bucket=self.bucket, Prefix=prefix)
            for item in page.get("Contents", [])
        }


@contextmanager
def s3_server(on_request: Callable[[str], None] | None = None) -> Iterator[S3Server]:
    """Serve S3 with a new, empty bucket; nothing outside this block learns of it.

    `on_request` is called with each request ("GET /bucket/key") before it is answered, in the
    thread that answers it: it may wait, and what it raises becomes the answer 500.
    """
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    # All servers of a process share their buckets; a name of its own keeps this one apart.
    endpoint_url, bucket = f"http://{host}:{port}", f"test-{uuid.uuid4().hex[:12]}"
    server = S3Server(endpoint_url, bucket, client=_client(endpoint_url))
    try:
        server.client.create_bucket(Bucket=bucket)
        _watch(moto, server.requests, on_request)
        yield server
    finally:
        server.client.close()
        moto.stop()
        moto._server.server_close()  # or its socket would still take connections


def _client(endpoint_url: str) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=endpoint_url,
        aws_access_key_id=_KEY,
        aws_secret_access_key=_KEY,
        region_name=_REGION,
    )


def _watch(
    moto: ThreadedMotoServer, requests: list[str], on_request: Callable[[str], None] | None
) -> None:
    """Put a recorder before the server's application."""
    inner = moto._server.app

    def recorded(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        request = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}"
        requests.append(request)
        if on_request is not None:
            on_request(request)
        return inner(environ, start_response)

    moto._server.app = recorded
