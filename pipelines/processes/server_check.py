"""Whether a server answers, asked without the client of any tool."""

import ssl
from dataclasses import dataclass
from http import HTTPStatus

import requests
from requests.exceptions import RequestException, SSLError

from pix2pix.errors import UserError

_LOCAL_ANSWER_S = 2.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Tls:
    """What a client of a server goes by in TLS, as `requests` names it."""

    verify: bool | str = True  # whether to check the server's certificate, or by which file
    cert: str | None = None  # file with the client's own certificate


class CertificateError(UserError):
    """A certificate is not trusted, or its file is missing: asking again does not help."""


def check_answer(url: str, *, timeout_s: float, tls: Tls | None = None) -> None:
    """Return if a server answers at `url`; whether it lets us in, its client finds out.

    A status from 500 on is no answer: a proxy sends it in place of a server that is down. Proxies
    are those that the environment names, as `requests` reads them. Without `tls`, the settings of
    the client are unknown, so TLS that fails is an answer: those settings may be other ones. Raises
    ConnectionError with the reason, or CertificateError.
    """
    asked = tls or Tls()
    try:
        with requests.get(
            url,
            timeout=timeout_s,
            verify=asked.verify,
            cert=asked.cert,
            stream=True,  # the body does not matter
        ) as response:
            status, words = response.status_code, response.reason
    except SSLError as error:
        if tls is not None:
            raise _tls_error(error) from None
    except RequestException as error:
        raise ConnectionError(_reason(error)) from None
    except OSError as error:  # a file with certificates is missing
        raise CertificateError(str(error)) from None
    else:
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise ConnectionError(f"HTTP Error {status}: {words}")


def is_answering(url: str) -> bool:
    """Whether a server on this machine answers at `url` at once."""
    try:
        check_answer(url, timeout_s=_LOCAL_ANSWER_S)
    except ConnectionError:
        return False
    return True


def _tls_error(error: SSLError) -> Exception:
    is_certificate = isinstance(_cause(error), ssl.SSLCertVerificationError)
    return (CertificateError if is_certificate else ConnectionError)(_reason(error))


def _reason(error: BaseException) -> str:
    cause = _cause(error)
    return str(cause) or type(cause).__name__


def _cause(error: BaseException) -> BaseException:
    """What went wrong first: requests and urllib3 wrap it into texts that repeat the address."""
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return error
