import errno
import pickle

import pytest

from pix2pix.errors import StorageError


def _named(number: int | None) -> StorageError:
    error = StorageError("s3://bucket/run: refused")
    error.errno = number
    return error


@pytest.mark.parametrize(
    "error",
    [_named(errno.EACCES), _named(None), StorageError(errno.ENOSPC, "the disk is full", "x.npy")],
    ids=["set later", "none", "among the arguments"],
)
def test_an_error_of_a_worker_says_the_same_in_the_driver(error: StorageError) -> None:
    sent = pickle.loads(pickle.dumps(error))
    assert (str(sent), sent.errno, sent.filename) == (str(error), error.errno, error.filename)
