"""A Ray of the tests' own on this machine."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest
import ray


@contextmanager
def local_ray(*, num_cpus: int, variables: Mapping[str, str]) -> Iterator[None]:
    """So many logical CPUs, whatever the machine has; its processes see these variables."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("RAY_ADDRESS", raising=False)
        for name, value in variables.items():
            patch.setenv(name, value)
        ray.init("local", num_cpus=num_cpus, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()
