"""Each kind of file from the folder to the arrays that training reads, value for value."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest

from pix2pix.config import DataConfig
from pix2pix.data.manifest import load_manifest
from pix2pix.data.prepared import open_split
from pix2pix.data.splits import SPLITS
from pix2pix.images.masked import read_side
from pix2pix.preparation.checks import check_pairs
from pix2pix.preparation.prepare import prepare_pairs
from pix2pix.preparation.report import BadPairsError
from tests.support.scientific_files import dicom, exr, nifti, npy, npz, tiff
from tests.support.small_sets import make_config, make_side

SIZE = 32
NUM_PAIRS = 6
RNG = np.random.default_rng(0)


def blocks(seed: int, channels: int, low: float, high: float) -> np.ndarray:
    """Noise over the whole range low..high, (SIZE, SIZE, channels) float64 of whole numbers."""
    values = np.random.default_rng(seed).uniform(low, high, (SIZE, SIZE, channels)).round()
    values[0, 0], values[0, 1] = low, high
    return values


def write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def config(**side_b: object) -> DataConfig:
    """Sides of equal settings, without resizing."""
    side = make_side(**side_b)
    return make_config(side_a=side, side_b=side, image_size=SIZE, load_size=SIZE)


def prepared(root: Path, config: DataConfig) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The prepared images of each pair."""
    prepare_pairs(root, root.with_name("prepared"), config, num_workers=2)
    images = {}
    for split in SPLITS:
        data = open_split(root.with_name("prepared"), split)
        images |= {
            pair_id: (data.source[row], data.target[row])
            for row, pair_id in enumerate(data.pair_ids)
        }
    return images


GEO = [(33550, "d", 3, (10.0, 10.0, 0.0), True), (33922, "d", 6, (0.0,) * 6, True)]

Writer = Callable[[np.ndarray], bytes]
# For each kind: the suffix, a writer of (H, W, C), the side's settings, and the dtype of the files.
KINDS: dict[str, tuple[str, Writer, dict[str, object], str]] = {
    "int16 array": (".npy", lambda image: npy(image.astype("i2")), {}, "int16"),
    "uint32 array": (".npy", lambda image: npy((image + 1000).astype("u4")), {}, "uint32"),
    "float64 array": (".npy", npy, {}, "float64"),
    "CHW array": (
        ".npy",
        lambda image: npy(image.transpose(2, 0, 1).astype("f2")),
        {"axes": "CHW"},
        "float16",
    ),
    "npz": (
        ".npz",
        lambda image: npz(ct=image.astype("i2"), other=np.zeros(3)),
        {"array_key": "ct"},
        "int16",
    ),
    "int32 tiff": (".tif", lambda image: tiff(image[..., 0].astype("i4")), {}, "int32"),
    "geotiff": (
        ".tiff",
        lambda image: tiff(image[..., 0].astype("i2"), extratags=GEO),
        {},
        "int16",
    ),
    "exr": (
        ".exr",
        lambda image: exr({name: image[..., 0].astype("f4") for name in "RGB"}),
        {"channels": 3},
        "float32",
    ),
    "ct": (
        ".dcm",
        lambda image: dicom(
            (image[..., 0] + 1000).astype("u2"), RescaleSlope=1, RescaleIntercept=-1000
        ),
        {},
        "float64",
    ),
    "signed dicom": (".DCM", lambda image: dicom(image[..., 0].astype("i2")), {}, "int16"),
    "one slice": (".nii.gz", lambda image: nifti(image.astype("i2"), packed=True), {}, "int16"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_prepared_value_for_value(tmp_path: Path, kind: str) -> None:
    suffix, encode, settings, file_dtype = KINDS[kind]
    shift = 1000 if kind == "uint32 array" else 0
    expected = {}
    for index in range(NUM_PAIRS):
        images = [blocks(2 * index + role, 1, -900, 1500) for role in (0, 1)]
        for name, image in zip("AB", images, strict=True):
            write(tmp_path / f"raw/{name}/{index}{suffix}", encode(image))
        if kind == "one slice":
            images = [image.swapaxes(0, 1) for image in images]
        channels = settings.get("channels", 1)
        expected[str(index)] = [np.repeat(image + shift, channels, axis=2) for image in images]
    side = {"channels": 1, "value_range": (-900.0 + shift, 1500.0 + shift)} | settings

    images_of = prepared(tmp_path / "raw", config(**side))

    assert images_of.keys() == expected.keys()
    for pair_id, (source, target) in images_of.items():
        assert (source.dtype, target.dtype) == (np.float32, np.float32)
        np.testing.assert_array_equal(source, expected[pair_id][0])
        np.testing.assert_array_equal(target, expected[pair_id][1])
    record = load_manifest(tmp_path / "prepared").target
    written = file_dtype if np.dtype(file_dtype).kind in "iu" else None
    assert (record.dtype, record.file_dtype) == ("float32", written)
    assert (record.array_key, record.axes) == (
        settings.get("array_key"),
        settings.get("axes", "HWC"),
    )


def test_other_integers_need_a_range_and_the_report_names_their_dtype(tmp_path: Path) -> None:
    for index in range(NUM_PAIRS):
        for name in "AB":
            image = blocks(2 * index + (name == "B"), 1, -900, 1500)
            write(tmp_path / f"{name}/{index}.npy", npy(image.astype(np.int16)))
    report = check_pairs(tmp_path, config(channels=1), num_workers=1)
    messages = [str(item) for item in report.offences if item.kind == "no_value_range"]
    assert messages == [
        f"data.side_{name}: int16 images have no natural range; set value_range: [low, high] for "
        "this side"
        for name in "ab"
    ]
    assert [line.partition(",")[0] for line in report.sides] == ["side A: int16", "side B: int16"]


def write_volumes(root: Path, depths: tuple[int, int] = (4, 4)) -> dict[str, np.ndarray]:
    """Patients with a scan and a map of class ids each; the scans as int16 and packed."""
    scans = {}
    for split, numbers in (("train", (1, 2, 3)), ("test", (4,))):
        for number in numbers:
            pair_id = f"{split}/patient{number}"
            scan, ids = (
                np.random.default_rng(10 * number + role).integers(*limits, (SIZE, SIZE, depth))
                for role, (limits, depth) in enumerate(
                    zip(((-900, 1500), (0, 5)), depths, strict=True)
                )
            )
            scan[0, 0], scan[0, 1] = -900, 1499
            scans[pair_id] = scan
            write(root / f"A/{pair_id}.nii.gz", nifti(scan.astype(np.int16), packed=True))
            write(root / f"B/{pair_id}.nii", nifti(ids.astype(np.uint8)))
    return scans


def volume_config(slices_a: str | None = "z", slices_b: str | None = "z") -> DataConfig:
    scans = make_side(channels=1, value_range=(-900.0, 1500.0), slices=slices_a)
    maps = replace(
        make_side(channels=1, slices=slices_b), kind="labels", num_labels=5, value_range=None
    )
    return make_config(side_a=scans, side_b=maps, image_size=SIZE, load_size=SIZE)


def test_each_slice_of_a_volume_is_a_pair(tmp_path: Path) -> None:
    scans = write_volumes(tmp_path / "raw")

    images = prepared(tmp_path / "raw", volume_config("z[1:]", "z[1:]"))

    assert sorted(images) == sorted(
        f"{pair_id}#z{index:03d}" for pair_id in scans for index in (1, 2, 3)
    )
    for pair_id, scan in scans.items():
        for index in (1, 2, 3):
            source, target = images[f"{pair_id}#z{index:03d}"]
            np.testing.assert_array_equal(source[..., 0], scan[:, :, index].T)
            assert target.dtype == np.uint8
    record = load_manifest(tmp_path / "prepared").source
    assert (record.slices, record.file_dtype) == ("z[1:]", "int16")


def test_a_report_names_the_slice(tmp_path: Path) -> None:
    write_volumes(tmp_path)
    config = replace(volume_config("z[:1]", "z[:1]"), image_size=64, load_size=64)
    offences = check_pairs(tmp_path, config, num_workers=1).offences
    assert [str(item).partition(":")[0] for item in offences if item.kind == "too_small"] == [
        f"A/{name}.nii.gz#z000, B/{name}.nii#z000"
        for name in ("test/patient4", "train/patient1", "train/patient2", "train/patient3")
    ]


def test_affines_that_differ_are_noted_with_both_files(tmp_path: Path) -> None:
    """Once for each pair of volumes, whatever the number of its slices."""
    write_volumes(tmp_path)
    report = check_pairs(tmp_path, volume_config(), num_workers=1)
    assert not [note for note in report.notes if note.startswith("the affines")]
    path = tmp_path / "B/train/patient2.nii"
    ids = np.asarray(nibabel.load(path).dataobj).copy()
    path.write_bytes(nifti(ids, np.diag([1.0, 1.0, 3.0, 1.0])))
    report = check_pairs(tmp_path, volume_config(), num_workers=1)
    assert report.offences == ()
    (note,) = (note for note in report.notes if note.startswith("the affines"))
    assert note.startswith("the affines of 1 pair(s) of volumes differ")
    assert note.endswith(": A/train/patient2.nii.gz and B/train/patient2.nii")


def test_the_slices_of_a_volume_stay_in_one_split(tmp_path: Path) -> None:
    write_volumes(tmp_path)
    report = check_pairs(tmp_path, volume_config(), num_workers=1)
    assert report.offences == ()
    splits = {(pair.files.pair_id.partition("#")[0], pair.split) for pair in report.pairs}
    assert len(report.pairs) == 16
    assert len(splits) == 4


@pytest.mark.parametrize(
    ("depths", "slices", "message"),
    [
        ((4, 3), ("z", "z"), "side A has the slices z000..z003 of 4, side B has the slices z000"),
        ((4, 3), ("z[:2]", "z[:2]"), "slices z000..z001 of 4, side B has the slices z000..z001 of"),
        ((4, 4), ("z", "y"), "side B has the slices y000..y031 of 32"),
        ((4, 4), ("z", None), "side B has one image"),
    ],
)
def test_volumes_of_unlike_slices_are_bad_pairs(
    tmp_path: Path, depths: tuple[int, int], slices: tuple[str | None, str | None], message: str
) -> None:
    write_volumes(tmp_path / "raw", depths)
    with pytest.raises(BadPairsError) as caught:
        prepare_pairs(tmp_path / "raw", tmp_path / "out", volume_config(*slices), num_workers=1)
    offences = [item for item in caught.value.report.offences if item.kind == "slices_differ"]
    assert [item.pair_ids for item in offences] == [
        (f"{split}/patient{number}",)
        for split, number in (("test", 4), ("train", 1), ("train", 2), ("train", 3))
    ]
    assert all(message in item.message for item in offences)
    assert not (tmp_path / "out").exists()


def test_a_volume_without_the_setting_or_truncated_is_a_bad_pair(tmp_path: Path) -> None:
    write_volumes(tmp_path)
    report = check_pairs(tmp_path, volume_config(None, None), num_workers=1)
    assert {item.kind for item in report.offences} == {"unreadable", "too_few_pairs"}
    assert "set slices of the side, as in slices: z" in report.offences[0].message

    path = tmp_path / "A/train/patient2.nii.gz"
    path.write_bytes(path.read_bytes()[:-900])
    report = check_pairs(tmp_path, volume_config(), num_workers=1)
    assert [(item.kind, item.paths) for item in report.offences] == [
        ("unreadable", ("A/train/patient2.nii.gz",))
    ] * 4
    path.write_bytes(path.read_bytes()[:60])
    report = check_pairs(tmp_path, volume_config(), num_workers=1)
    assert [(item.kind, item.pair_ids) for item in report.offences] == [
        ("unreadable", ("train/patient2",))
    ]


def test_twelve_bits_in_sixteen_of_a_scanner_are_noted(tmp_path: Path) -> None:
    for index in range(NUM_PAIRS):
        for name in "AB":
            pixels = blocks(2 * index + (name == "B"), 1, 0, 4095)[..., 0].astype(np.uint16)
            data = dicom(pixels, BitsStored=12, HighBit=11)
            write(tmp_path / f"{name}/{index}.dcm", data)
    report = check_pairs(tmp_path, config(channels=1), num_workers=1)
    assert {item.kind for item in report.offences} == {"narrow_range"}
    assert "set value_range: [0, 4095]" in report.offences[0].message


def test_an_empty_mask_of_a_volume_and_a_link_to_one_are_sound(tmp_path: Path) -> None:
    write_volumes(tmp_path)
    path = tmp_path / "B/train/patient2.nii"
    ids = RNG.integers(0, 5, (SIZE, SIZE, 4)).astype(np.uint8)
    ids[:, :, 2] = 0
    (tmp_path / "elsewhere.nii").write_bytes(nifti(ids))
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere.nii")
    report = check_pairs(tmp_path, volume_config(), num_workers=1)
    assert report.offences == ()
    assert (
        "1 pair(s) have a label map or mask of a single value: train/patient2#z002" in report.notes
    )


def test_a_lossy_scan_of_class_ids_is_refused(tmp_path: Path) -> None:
    for index in range(NUM_PAIRS):
        ids = np.random.default_rng(index).integers(0, 5, (SIZE, SIZE)).astype(np.uint8)
        write(tmp_path / f"A/{index}.dcm", dicom(ids, LossyImageCompression="01"))
        write(tmp_path / f"B/{index}.npy", npy(blocks(index, 1, 0, 255).astype(np.uint8)))
    labels = replace(make_side(channels=1), kind="labels", num_labels=5)
    sides = make_config(side_a=labels, side_b=make_side(channels=1))
    report = check_pairs(tmp_path, sides, num_workers=1)
    lossy = [item for item in report.offences if item.kind == "lossy_labels"]
    assert len(lossy) == NUM_PAIRS
    assert lossy[0].message == "side A holds class ids in a lossy DICOM file"


def write_scans(root: Path, rescales: list[dict[str, float]]) -> dict[str, np.ndarray]:
    """CT slices in Hounsfield units as DICOM files, one for each rescale; B are NPY files."""
    scans = {}
    for index, rescale in enumerate(rescales):
        slope = rescale.get("RescaleSlope", 1)
        stored = blocks(index, 1, 0, 3000 / slope)[..., 0]
        offset = rescale.get("RescaleIntercept", 0)
        scans[str(index)] = stored * slope + offset
        write(root / f"A/{index}.dcm", dicom(stored.astype(np.uint16), **rescale))
        write(root / f"B/{index}.npy", npy(blocks(index + 50, 1, 0, 255).astype(np.uint8)))
    return scans


CT_SIDE = {"channels": 1, "value_range": (-1024.0, 3000.0)}
IDENTITY = {"RescaleSlope": 1, "RescaleIntercept": 0}


@pytest.mark.parametrize("num_rescaled", [1, NUM_PAIRS - 1])
def test_scans_with_slope_1_and_intercept_0_fit_rescaled_ones(
    tmp_path: Path, num_rescaled: int
) -> None:
    rescaled = [{"RescaleSlope": 0.5, "RescaleIntercept": -1024}] * num_rescaled
    scans = write_scans(tmp_path / "raw", rescaled + [IDENTITY] * (NUM_PAIRS - num_rescaled))
    sides = make_config(
        side_a=make_side(**CT_SIDE), side_b=make_side(channels=1), image_size=SIZE, load_size=SIZE
    )

    images = prepared(tmp_path / "raw", sides)

    assert images.keys() == scans.keys()
    for pair_id, scan in scans.items():
        assert images[pair_id][0].dtype == np.float32
        np.testing.assert_array_equal(images[pair_id][0][..., 0], scan)
    record = load_manifest(tmp_path / "prepared").source
    read = read_side(tmp_path / f"raw/A/{NUM_PAIRS - 1}.dcm", record, dtype=record.dtype)
    np.testing.assert_array_equal(read.pixels[..., 0], scans[str(NUM_PAIRS - 1)])
    assert read.pixels.dtype == np.float32


def test_scans_without_a_rescale_do_not_fit_rescaled_ones(tmp_path: Path) -> None:
    """Their integers may be in other units."""
    write_scans(tmp_path, [{"RescaleSlope": 1, "RescaleIntercept": -1024}] * 5 + [{}])
    sides = make_config(side_a=make_side(**CT_SIDE), side_b=make_side(channels=1))
    report = check_pairs(tmp_path, sides, num_workers=1)
    assert [(item.kind, str(item)) for item in report.offences] == [
        (
            "mixed_dtype",
            "A/5.dcm: side A is uint16, most are float32; it states no rescale slope and "
            "intercept: "
            "add both, 1 and 0 if its values are in the units of the others",
        )
    ]
