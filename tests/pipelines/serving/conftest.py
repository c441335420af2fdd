"""A small model for the tests of serving."""

import pytest

from pix2pix.inference import Translator
from tests.support.served_models import write_labels_model


@pytest.fixture(scope="module")
def translator(tmp_path_factory: pytest.TempPathFactory) -> Translator:
    return write_labels_model(tmp_path_factory.mktemp("model"))
