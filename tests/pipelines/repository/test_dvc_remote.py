"""Which remote other machines are told of, and what they are not told."""

from pathlib import Path

import pytest
from dvc.config_schema import REMOTE_SCHEMAS

from pipelines.repository.dvc_remote import _QUESTIONS, SECRETS, default_remote

# Options that sound like secrets and name a file, a person or a way instead.
NO_SECRETS = {
    "bearer_token_command",
    "credentialpath",
    "exclude_environment_credential",
    "exclude_managed_identity_credential",
    "exclude_shared_token_cache_credential",
    "exclude_visual_studio_code_credential",
    "gdrive_service_account_json_file_path",
    "gdrive_user_credentials_file",
    "key_path",
    "keyfile",
    "sse_kms_key_id",
}
SOUNDS_SECRET = ("connection_string", "credential", "header", "key", "pass", "secret", "token")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty DVC project; `tmp_path/user` is the user's own configuration."""
    monkeypatch.setenv("DVC_GLOBAL_CONFIG_DIR", str(tmp_path / "user"))
    monkeypatch.setenv("DVC_SYSTEM_CONFIG_DIR", str(tmp_path / "system"))
    configure(tmp_path / "project" / ".dvc" / "config", "core", no_scm="true")
    return tmp_path / "project"


def configure(path: Path, section: str, **options: str) -> None:
    """Add a section to a configuration file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(f"[{section}]\n" + "".join(f"{key} = {options[key]}\n" for key in options))


def test_without_a_default_remote_there_is_none(project: Path) -> None:
    configure(project / ".dvc" / "config", "'remote \"store\"'", url="s3://bucket/a")
    assert default_remote(project) is None


def test_without_a_dvc_project_there_is_none(project: Path) -> None:
    assert default_remote(project.parent) is None


def test_a_relative_folder_becomes_absolute(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configure(project / ".dvc" / "config.local", "core", remote="store")
    configure(project / ".dvc" / "config", "'remote \"store\"'", url="../../shared/dvc")
    monkeypatch.chdir(project)
    remote = default_remote(Path())
    assert remote is not None
    assert remote.settings == {"url": str(project.parent / "shared" / "dvc")}


def test_the_local_configuration_comes_before_the_project_s_before_the_user_s(
    project: Path, tmp_path: Path
) -> None:
    section = "'remote \"store\"'"
    configure(tmp_path / "user" / "config", "core", remote="Store")
    configure(tmp_path / "user" / "config", section, url="s3://u/u", region="u", profile="u")
    configure(project / ".dvc" / "config", section, url="s3://p/p", region="p")
    configure(project / ".dvc" / "config.local", section, url="s3://l/l")
    remote = default_remote(project / "deeper")
    assert remote is not None
    assert remote.name == "store"
    assert remote.settings == {"url": "s3://l/l", "region": "p", "profile": "u"}


def test_a_remote_may_lie_within_another(project: Path) -> None:
    config = project / ".dvc" / "config.local"
    configure(config, "core", remote="inner")
    configure(config, "'remote \"outer\"'", url="s3://bucket/a", endpointurl="http://s3:9000")
    configure(config, "'remote \"inner\"'", url="remote://outer/b", jobs="2")
    remote = default_remote(project)
    assert remote is not None
    assert remote.settings["url"] == "s3://bucket/a/b"
    assert (remote.settings["endpointurl"], remote.settings["jobs"]) == ("http://s3:9000", "2")


@pytest.mark.parametrize("remote", ["nowhere", "store"])
def test_a_configuration_that_dvc_refuses_is_an_error(project: Path, remote: str) -> None:
    config = project / ".dvc" / "config.local"
    configure(config, "core", remote=remote)
    if remote == "store":
        configure(config, "'remote \"store\"'", url="s3://bucket/a", jobs="many")
    with pytest.raises(ValueError, match=r"DVC's configuration cannot be used: .*(nowhere|jobs)"):
        default_remote(project)


def test_secrets_stay_where_they_are(project: Path) -> None:
    config = project / ".dvc" / "config.local"
    configure(config, "core", remote="store")
    secrets = {key: "hunter2" for key in REMOTE_SCHEMAS["s3"] if key in SECRETS}
    assert {"access_key_id", "secret_access_key", "session_token"} <= set(secrets)
    configure(config, "'remote \"store\"'", url="s3://bucket/a", region="eu", **secrets)
    remote = default_remote(project)
    assert remote is not None
    assert remote.settings == {"url": "s3://bucket/a", "region": "eu"}


def test_every_option_of_dvc_that_sounds_like_a_secret_is_judged() -> None:
    options = {str(key) for schema in REMOTE_SCHEMAS.values() for key in schema}
    sounding = {key for key in options if any(word in key for word in SOUNDS_SECRET)}
    assert sounding - NO_SECRETS == SECRETS | _QUESTIONS
