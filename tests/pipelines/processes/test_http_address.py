import pytest

from pipelines.processes.http_address import fault


@pytest.mark.parametrize(
    "url",
    [
        "http://host",
        "https://me:pass@host:65535/api?x=1",
        "HTTP://127.0.0.1:5000",
        "http://[::1]:5000/",
    ],
)
def test_where_a_server_can_be_there_is_no_fault(url: str) -> None:
    assert fault(url) is None


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://me:s3cret@[::1", "its host cannot be read"),
        ("http://me:s3cret@[host]", "its host cannot be read"),
        ("http://me:s3cret@ho\u2100st", "its host cannot be read"),  # a/c in one character
        ("host:5000", "it begins neither with http:// nor with https://"),
        ("127.0.0.1:5000", "it begins neither with http:// nor with https://"),
        ("http:", "its host is missing, or has a space in it"),
        ("http:/host", "its host is missing, or has a space in it"),
        ("http://:5000", "its host is missing, or has a space in it"),
        ("http://my host:5000", "its host is missing, or has a space in it"),
        ("http://host:65536", "its port is no number up to 65535"),
        ("http://me:s3cret/x@host", "its port is no number up to 65535"),
    ],
)
def test_a_fault_is_named_without_any_part_of_a_password(url: str, reason: str) -> None:
    assert fault(url) == reason
