"""Files as pydicom, nibabel, OpenEXR, tifffile and numpy write them."""

import gzip
import io
from typing import Any

import nibabel
import numpy as np
import OpenEXR
import pydicom
import tifffile
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian


def npy(array: np.ndarray) -> bytes:
    """An NPY file."""
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def npz(**arrays: np.ndarray) -> bytes:
    """A compressed NPZ file."""
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def tiff(array: np.ndarray, **options: Any) -> bytes:
    """A TIFF file; each layer of a 3D array is a page."""
    file = io.BytesIO()
    tifffile.imwrite(file, array, **({"photometric": "minisblack"} | options))
    return file.getvalue()


def nifti(volume: np.ndarray, affine: np.ndarray | None = None, *, packed: bool = False) -> bytes:
    """A NIfTI-1 file of an array (x, y, z)."""
    data: bytes = nibabel.Nifti1Image(volume, np.eye(4) if affine is None else affine).to_bytes()
    return gzip.compress(data, 1, mtime=0) if packed else data


def dicom_dataset(pixels: np.ndarray, **attributes: Any) -> Dataset:
    """A CT image with these stored pixels: (H, W), (frames, H, W), or (H, W, 3) for RGB."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = CTImageStorage
    dataset.SOPClassUID = CTImageStorage
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = "2.25.1"
    is_rgb = pixels.shape[-1] == 3
    dataset.SamplesPerPixel = 3 if is_rgb else 1
    dataset.PhotometricInterpretation = "RGB" if is_rgb else "MONOCHROME2"
    if is_rgb:
        dataset.PlanarConfiguration = 0
    elif pixels.ndim == 3:
        dataset.NumberOfFrames = len(pixels)
    dataset.Rows, dataset.Columns = pixels.shape[:2] if is_rgb else pixels.shape[-2:]
    dataset.BitsAllocated = dataset.BitsStored = 8 * pixels.itemsize
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    dataset.PixelData = pixels.tobytes()
    for name, value in attributes.items():
        setattr(dataset, name, value)
    return dataset


def dicom_bytes(dataset: Dataset) -> bytes:
    """The file of a data set."""
    file = io.BytesIO()
    pydicom.dcmwrite(file, dataset, enforce_file_format=True)
    return file.getvalue()


def dicom(pixels: np.ndarray, **attributes: Any) -> bytes:
    """A DICOM file, see `dicom_dataset`."""
    return dicom_bytes(dicom_dataset(pixels, **attributes))


def exr(channels: dict[str, np.ndarray], **header: Any) -> bytes:
    """An OpenEXR file of scan lines."""
    file = io.BytesIO()
    fields = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage} | header
    copies = {name: plane.copy() for name, plane in channels.items()}  # writing changes them
    OpenEXR.File(fields, copies).write(file)
    return file.getvalue()
