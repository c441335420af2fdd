"""Which tokens a server starts with."""

import hashlib

import pytest

from pipelines.serving.access import TOKEN_VARIABLE, token_digest
from pix2pix.errors import UserError


def test_the_value_that_the_project_s_files_show_is_no_token(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, "change-me")
    with pytest.raises(UserError, match="a secret of your own"):
        token_digest()
    monkeypatch.setenv(TOKEN_VARIABLE, "changed")
    assert token_digest() == hashlib.sha256(b"changed").digest()
    monkeypatch.delenv(TOKEN_VARIABLE)
    assert token_digest() is None


@pytest.mark.parametrize("token", [" secret", "secret ", "secret\n", "se\tcret", "s\u00e9cret"])
def test_a_token_that_no_client_can_send_is_refused_without_showing_it(
    monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, token)
    with pytest.raises(UserError, match="no client could send it") as caught:
        token_digest()
    assert token.strip() not in str(caught.value)
