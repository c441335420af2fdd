"""An object store that at times answers 500, or late, when a checkpoint is written."""

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.support.s3_server import S3Server, s3_server


@dataclass
class Trouble:
    """What the server does to requests that write a checkpoint."""

    answer_500: int = 0  # to so many of them
    hold_s: float = 0.0  # before each answer
    from_step: int = 0
    met: list[str] = field(default_factory=list)

    def __call__(self, request: str) -> None:
        verb, _, key = request.partition(" ")
        if verb not in ("PUT", "POST") or ".pt" not in key:
            return
        if int(key.rpartition("step_")[2][:9]) < self.from_step:
            return
        if self.hold_s:
            self.met.append(request)
            time.sleep(self.hold_s)
        if self.answer_500 > 0:
            self.answer_500 -= 1
            self.met.append(request)
            raise RuntimeError("out of order")

    def end(self) -> None:
        self.answer_500, self.hold_s, self.from_step, self.met = 0, 0.0, 0, []


@dataclass(frozen=True)
class TroubledStore:
    """The server, and what it does to requests."""

    server: S3Server
    trouble: Trouble

    def new_folder(self) -> str:
        """The address of a folder that nobody else uses."""
        return f"s3://{self.server.bucket}/{uuid.uuid4().hex}"


@contextmanager
def troubled_store() -> Iterator[TroubledStore]:
    """Serve it; there is no trouble at first."""
    trouble = Trouble()
    with s3_server(trouble) as server:
        yield TroubledStore(server, trouble)
