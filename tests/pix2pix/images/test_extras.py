"""Without the optional libraries, their files are named with what is to be installed."""

import sys

import numpy as np
import pytest

from pix2pix.errors import UserError
from pix2pix.images.decode import decode
from tests.support.scientific_files import dicom, exr, nifti

GREY = np.zeros((4, 5), np.uint16)


@pytest.mark.parametrize(
    ("module", "data", "kind", "extra"),
    [
        ("pydicom", dicom(GREY), "a DICOM", "medical"),
        ("nibabel", nifti(GREY), "a NIfTI", "medical"),
        ("nibabel", nifti(GREY, packed=True), "a NIfTI", "medical"),
        ("OpenEXR", exr({"Y": GREY.astype(np.float32)}), "an OpenEXR", "exr"),
    ],
    ids=["dicom", "nifti", "packed nifti", "exr"],
)
def test_the_extra_is_named(
    module: str, data: bytes, kind: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)  # as if it were not installed
    with pytest.raises(UserError) as caught:
        decode(data)
    assert str(caught.value) == (
        f"is {kind} file, which needs {module}: `make setup` installs it, or in an environment of "
        f"your own `pip install -e '.[{extra}]'`"
    )
