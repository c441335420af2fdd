"""Which error a failed download from MLflow becomes."""

import errno

import pytest
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import PERMISSION_DENIED

from pipelines.entrypoint import may_pass
from pipelines.registry.model_files import downloading
from pix2pix.errors import StorageError, UserError


def raised(error: Exception) -> Exception:
    with pytest.raises(Exception) as caught, downloading("the files of version 1"):  # noqa: PT011
        raise error
    return caught.value


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (FileNotFoundError(errno.ENOENT, "No such file"), UserError),
        (OSError(errno.EACCES, "Permission denied"), StorageError),
        (OSError(errno.ENOSPC, "No space left"), StorageError),
        (ConnectionResetError(errno.ECONNRESET, "reset"), ConnectionError),
        (MlflowException("the server has failed"), ConnectionError),
    ],
)
def test_the_error_says_what_could_not_be_downloaded_and_why(
    error: Exception, kind: type[Exception]
) -> None:
    found = raised(error)
    assert type(found) is kind
    assert str(found) == f"the files of version 1: {error}"


def test_a_full_disk_may_pass_and_missing_rights_to_a_folder_do_not() -> None:
    assert may_pass(raised(OSError(errno.ENOSPC, "No space left")))
    assert not may_pass(raised(OSError(errno.EACCES, "Permission denied")))


def test_a_refusal_is_left_to_the_connection_around_it_which_names_the_remedy() -> None:
    refusal = MlflowException("no rights", error_code=PERMISSION_DENIED)
    assert raised(refusal) is refusal
