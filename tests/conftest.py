"""What tests share: where the repository is, and a configuration shrunk from the real one."""

import dataclasses
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from pix2pix.config import Params, load_params
from tests.support.project import Project, copy_project

pytest_plugins = ["tests.support.shared_ray"]

# Ray makes way for everything else on a machine; beside other work its tests would take for ever.
os.environ.setdefault("RAY_worker_niceness", "0")
# The networks here are too small to be shared by threads, which on a busy machine spin for each
# other: measured, 31 s of CPU time in place of minutes.
os.environ.setdefault("OMP_NUM_THREADS", "1")

SERVED_PROJECT, SHARED_RAY = _SHARED = ("served project", "shared Ray")
_LONG_MARKERS = ("ray", "server", "pipeline")

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def default_params() -> Params:
    return load_params(ROOT / "params" / "default.yaml")


@pytest.fixture(scope="session")
def small_params(default_params: Params) -> Params:
    """The default parameters with small networks: 32 px, two epochs."""
    replace = dataclasses.replace
    return replace(
        default_params,
        data=replace(default_params.data, image_size=32, load_size=36),
        model=replace(
            default_params.model, base_channels=4, discriminator_channels=4, discriminator_layers=2
        ),
        train=replace(
            default_params.train,
            num_epochs=2,
            num_decay_epochs=1,
            batch_size=2,
            best_from_epoch=1,
            sample_every_epochs=4,
            precision="float32",  # the same numbers on every machine
        ),
    )


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A copy of this project, in which commands are run."""
    return copy_project(tmp_path)


@pytest.fixture
def signals_heard() -> Iterator[None]:
    """SIGINT and SIGHUP reach this process and those it starts, as in a terminal.

    What a shell starts in the background, or `nohup`, ignores them, and so do its children.
    """
    before = {
        signal.SIGINT: signal.signal(signal.SIGINT, signal.default_int_handler),
        signal.SIGHUP: signal.signal(signal.SIGHUP, signal.SIG_DFL),
    }
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(scope="session")
def reference_dir() -> Path:
    """The recorded numerics of the published implementation that are too large to ship."""
    folder = SHARED / "reference"
    if not folder.is_dir():
        pytest.skip("../shared/reference is not there")
    return folder


@pytest.hookimpl(tryfirst=True)  # pytest-xdist reads the marks in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What is set up together is tested by one process; the groups that take longest come first.

    A group is the tests of the shared Ray, those of the served project, or those of one file.
    pytest-xdist gives each group as a whole to the next process that is free (`make test`).
    """
    groups = {item: _group(item) for item in items}
    long = {groups[item] for item in items if any(map(item.get_closest_marker, _LONG_MARKERS))}
    ranks = {SERVED_PROJECT: 0, SHARED_RAY: 1, **dict.fromkeys(long - {*_SHARED}, 2)}
    items.sort(key=lambda item: ranks.get(groups[item], 3))
    for item, group in groups.items():
        item.add_marker(pytest.mark.xdist_group(group))


def _group(item: pytest.Item) -> str:
    if _uses_shared_ray(item):
        return SHARED_RAY
    file = item.nodeid.partition("::")[0]
    return SERVED_PROJECT if file.startswith("tests/pipelines/served/") else file


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """A long text or file gives a test no name: to make one of 16 MB takes half a second."""
    is_long = isinstance(val, str | bytes) and len(val) > 1000
    return f"{argname} of {len(val)}" if is_long else None


@pytest.hookimpl(trylast=True)  # after the test's own fixtures
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """End the shared Ray after the last test that uses it: others need its memory and cores."""
    if _uses_shared_ray(item) and not (nextitem is not None and _uses_shared_ray(nextitem)):
        import ray  # not by sessions without it

        ray.shutdown()


def _uses_shared_ray(item: pytest.Item) -> bool:
    return "cluster" in getattr(item, "fixturenames", ())
