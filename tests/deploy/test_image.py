"""The image: what it is made of is there, and every file that uses it means the same one."""

import fnmatch
import re
import subprocess
import tomllib
from pathlib import PurePosixPath

import pytest

import pipelines
from tests.support.deployed import (
    DEPLOY,
    ROOT,
    YAML_FILES,
    container,
    dockerfile,
    document,
    groups,
    image_environment,
)

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
IMAGE = f"{PROJECT['name']}:{PROJECT['version']}"
IGNORED = [
    line
    for line in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    if line and not line.startswith("#")
]


def _arguments(instruction: str) -> list[str]:
    return [arguments for name, arguments in dockerfile() if name == instruction]


def _is_ignored(path: str) -> bool:
    """Whether the builder leaves a file out: a pattern fits it or a folder that holds it."""
    inner = [PurePosixPath(path), *PurePosixPath(path).parents[:-1]]
    return any(
        fnmatch.fnmatch(place.name, pattern[3:])
        if pattern.startswith("**/")
        else place.match(pattern) and len(place.parts) == len(PurePosixPath(pattern).parts)
        for pattern in IGNORED
        for place in inner
    )


def test_it_is_the_python_of_the_lock() -> None:
    (base,) = _arguments("FROM")
    version = re.fullmatch(r"python:(3\.\d+)\.\d+-slim-\w+", base)[1]  # of one patch release
    assert f">={version}" in PROJECT["requires-python"]
    assert f"--python-version {version}" in (ROOT / "Makefile").read_text()


def test_everything_it_copies_is_there() -> None:
    copied = [word for words in _arguments("COPY") for word in words.split()[:-1]]
    sources = [word for word in copied if not word.startswith("--")]
    assert {"pyproject.toml", "requirements.lock", "."} <= set(sources)
    assert [name for name in sources if not (ROOT / name).exists()] == []


def test_it_installs_the_lock_with_every_extra_but_dev() -> None:
    commands = " ".join(_arguments("RUN"))
    extras = re.findall(r"--extra (\w+)", commands)
    assert sorted(extras) == sorted(PROJECT["optional-dependencies"].keys() - {"dev"})
    assert "--constraint requirements.lock" in commands
    assert "--no-deps --editable ." in commands


def test_it_has_what_kuberay_s_probes_and_ray_s_launcher_run() -> None:
    """KubeRay 1.5 to 1.7 asks `bash -c "wget ... | grep success"`, of which the base lacks wget."""
    (installed,) = re.findall(r"apt-get install ([^&]*)&&", " ".join(_arguments("RUN")))
    assert {"git", "openssh-client", "rsync", "wget"} <= set(installed.split())


def test_the_tools_report_nothing_there_either() -> None:
    assert pipelines.SETTINGS.items() <= image_environment().items()


def test_it_does_not_run_as_root() -> None:
    (user,) = _arguments("USER")
    uid = int(user.split(":")[0])  # Kubernetes compares a number, of a name it knows nothing
    assert uid > 0
    assert f"--uid {uid} " in " ".join(_arguments("RUN"))
    assert [name for name, _ in dockerfile()].index("USER") > [
        index for index, (name, _) in enumerate(dockerfile()) if name == "RUN"
    ][-1]


def test_every_node_and_the_guide_use_that_image() -> None:
    used = [container(group)["image"] for group in groups().values()]
    used.append(document("ray-cluster.yaml")["docker"]["image"])
    texts = [DEPLOY / "Dockerfile", ROOT / "docs" / "cluster.md"]
    used += [tag for path in texts for tag in re.findall(r"--tag (\S+)", path.read_text())]
    assert set(used) == {IMAGE}
    assert len(used) == 5


@pytest.mark.parametrize("name", ["Dockerfile", *YAML_FILES])
def test_no_registry_is_named(name: str) -> None:
    text = (DEPLOY / name).read_text()
    images = re.findall(r"^\s*(?:FROM|COPY --from=|(?:\w+_)?image:)\s*(\S+)", text, re.MULTILINE)
    assert [image for image in images if "/" in image] == []


def test_nothing_that_git_tracks_is_left_out() -> None:
    """The commit would be recorded as changed."""
    tracked = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files"], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert "params.yaml" in tracked
    assert [path for path in tracked if _is_ignored(path)] == []


@pytest.mark.parametrize("ignore_file", [".gitignore", ".dvc/.gitignore"])
def test_nothing_that_git_ignores_goes_in(ignore_file: str) -> None:
    path = ROOT / ignore_file
    folder = path.parent.relative_to(ROOT)
    lines = [line.strip("/") for line in path.read_text().splitlines() if line]
    files = [(folder / line.replace("*", "x")).as_posix() for line in lines]
    assert [name for name in files if not _is_ignored(name)] == []
    assert _is_ignored(".git/config")  # the address of a remote may hold a password
