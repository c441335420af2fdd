from pathlib import Path

import numpy as np
import pytest
from mlflow import MlflowClient

from pipelines.registry.examples import log_examples, read_examples
from pix2pix.data.prepared import open_split
from pix2pix.images.decode import decode
from tests.support.registered_project import MODELS, PREPARED, change_card, put_version, train

pytestmark = pytest.mark.slow


def test_the_examples_of_a_version_are_the_first_dev_sources(workspace: Path, uri: str) -> None:
    train(1)
    client = MlflowClient(uri)
    version = client.get_model_version(put_version(client).model, "1")
    assert read_examples(client, version) == ()
    change_card(data_hash="e" * 64)  # of a model of other data, nothing is known
    log_examples(client, version.run_id, MODELS, prepared_dir=PREPARED)
    assert read_examples(client, version) == ()
    train(1)
    log_examples(client, version.run_id, MODELS, prepared_dir=PREPARED)
    own = open_split(PREPARED, "dev").source
    examples = [decode(each) for each in read_examples(client, version)]
    np.testing.assert_array_equal(np.stack(examples), own[:8])
