"""Checks of images, and models that are trained on images of any shape and number of classes."""

import base64
import hashlib
import io
import stat
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from unitscale.models.datasets import Dataset
from unitscale.models.resolution import resolve
from unitscale.models.specs import JobSpec
from worker.pipe import Ask, Check, Lane, Train
from worker.trainer.checks.check import check
from worker.trainer.data import uploaded
from worker.trainer.inference.predict import answer
from worker.trainer.process.interrupt import Interrupt
from worker.trainer.runs.group import train_group

RANDOM = np.random.default_rng(0)


@pytest.fixture
def checked(tmp_path):
    """Checks a file; what was found, and the folder."""

    def run(content: bytes, ending: str):
        folder = tmp_path / hashlib.sha256(content).hexdigest()
        folder.mkdir()
        (folder / "upload").write_bytes(content)
        found = check(Check(dataset="ds_x", folder=str(folder), format=ending))
        assert (found.contents is None) == (found.problem is not None)
        return found, folder

    return run


def npz(**arrays) -> bytes:
    np.savez_compressed(file := io.BytesIO(), **arrays)
    return file.getvalue()


def images(*shape) -> np.ndarray:
    return RANDOM.integers(0, 256, shape, dtype=np.uint8)


def png(pixels: np.ndarray, kind: str = "PNG") -> bytes:
    Image.fromarray(pixels).save(file := io.BytesIO(), kind)
    return file.getvalue()


def packed(*members: tuple[str | zipfile.ZipInfo, bytes]) -> bytes:
    with zipfile.ZipFile(file := io.BytesIO(), "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return file.getvalue()


def test_what_is_packed_again_is_divided_as_before(checked):
    """Its bytes differ, for an archive holds the times of its members."""
    pictures = [(f"{number % 2}/{number}.png", png(images(4, 4))) for number in range(40)]
    folders = [
        checked(packed(*((zipfile.ZipInfo(name, (year, 1, 1, 0, 0, 0)), data) for name, data in pictures)), ".zip")[1]
        for year in (2000, 2020)
    ]

    first, second = (uploaded.load(folder) for folder in folders)

    assert folders[0] != folders[1]
    assert all(first[name].equal(second[name]) for name in ("inputs", "targets"))


def pictures(count: int = 12, shape: tuple[int, ...] = (4, 5, 3), *more: tuple[str | zipfile.ZipInfo, bytes]) -> bytes:
    return packed(*((f"{'猫' if n % 2 else 'hund'}/{n}.png", png(images(*shape))) for n in range(count)), *more)


@pytest.mark.parametrize(
    ("shape", "labels"),
    [((40, 6, 5), [3, -7]), ((40, 6, 5, 1), [0, 1]), ((40, 4, 4, 3), ["ja", "néin"]), ((40, 8, 4, 5), [0, 1, 2, 9])],
)
def test_arrays_keep_every_image_with_its_label(checked, shape, labels):
    pixels, names = images(*shape), np.array([labels[n % len(labels)] for n in range(shape[0])])

    found, folder = checked(npz(images=pixels, labels=names), ".npz")

    tensors = uploaded.load(folder)
    expected = {(image.tobytes(), name) for image, name in zip(pixels, names.tolist(), strict=True)}
    classes = [found.contents.classes[number] for number in tensors["targets"].tolist()]
    assert {(image.numpy().tobytes(), name) for image, name in zip(tensors["inputs"], classes, strict=True)} == expected
    assert found.contents.shape == (*shape[1:3], shape[3] if len(shape) > 3 else 1)
    assert sorted(found.contents.classes) == sorted(labels)


def test_pictures_are_read_below_a_folder_around_them_and_beside_what_systems_leave(checked):
    members = [(f"set/{'ab'[n % 2]}/{n}.jpg", png(images(4, 5, 3), "JPEG")) for n in range(12)]
    litter = [("__MACOSX/set/a/._1.jpg", b"x"), ("set/.DS_Store", b"x")]

    found, _ = checked(packed(*members, *litter), ".zip")

    assert found.problem is None
    assert (found.contents.rows, found.contents.shape, found.contents.classes) == (12, (4, 5, 3), ("a", "b"))


def linked() -> zipfile.ZipInfo:
    info = zipfile.ZipInfo("hund/link.png")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (pictures(12, (4, 5, 3), ("../x.png", b"")), "'../x.png' escapes"),
        (pictures(12, (4, 5, 3), ("hund/../../x.png", b"")), "escapes"),
        (pictures(12, (4, 5, 3), ("/etc/x.png", b"")), "'/etc/x.png' escapes"),
        (pictures(12, (4, 5, 3), ("C:\\x.png", b"")), "escapes"),
        (pictures(12, (4, 5, 3), ("hund\\..\\..\\x.png", b"")), "escapes"),
        (pictures(12, (4, 5, 3), (linked(), b"/etc/passwd")), "'hund/link.png' is a link"),
        (pictures(12, (4, 5, 3), ("hund/x.png", b"no image")), "'hund/x.png' is no PNG"),
        (pictures(12, (4, 5, 3), ("hund/x.png", png(images(4, 6, 3)))), "'hund/x.png' is 6 × 4"),
        (pictures(12, (4, 5, 3), ("hund/x.png", png(images(4, 5)))), "'hund/x.png' is 5 × 4 pixels of 1 channels"),
        (pictures(12, (4, 5, 3), ("readme.txt", b"hello")), "'readme.txt' does not lie in one folder"),
        (pictures(12, (4, 5, 3), ("hund/rex/x.png", b"")), "does not lie in one folder"),
        (pictures(4), "There are 4 images"),
        (packed(*((f"a/{n}.png", png(images(3, 3))) for n in range(12))), "Every image is of class a"),
        (packed(("a/x.png", b"\0" * 100_000_000)), "a bomb"),
        (pictures()[:-30], "no zip archive"),
        (pictures()[:100] + b"broken" + pictures()[106:], "."),
        (b"PK", "no zip archive"),
        (b"", "empty"),
        (packed(), "There are 0 images"),
        (packed(*((f"{'ab'[n % 2] * 201}/{n}.png", png(images(3, 3))) for n in range(12))), "class 'aaaa"),
        (packed(*((f"\x1b{'ab'[n % 2]}/{n}.png", png(images(3, 3))) for n in range(12))), "class '\\x1ba' has"),
    ],
)
def test_an_archive_that_cannot_be_used_says_why_and_leaves_nothing(checked, content, why):
    found, folder = checked(content, ".zip")

    assert why in found.problem
    assert [file.name for file in folder.iterdir()] == ["upload"]


LABELS = np.arange(20) % 2


def npy(array: np.ndarray) -> bytes:
    np.lib.format.write_array(file := io.BytesIO(), array, allow_pickle=True)
    return file.getvalue()


def headed(header: bytes) -> bytes:
    """Images below a header that nobody's tool writes."""
    return packed(("images.npy", header + bytes(20 * 16)), ("labels.npy", npy(LABELS)))


def shaped(shape: str, dtype: str = "|u1") -> bytes:
    header = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header


def lettered(code: int) -> bytes:
    """Labels of one letter, of which some are none."""
    letters = np.array([ord("a") if n % 2 else code for n in range(20)], "<u4").tobytes()
    return packed(("images.npy", npy(images(20, 4, 4))), ("labels.npy", shaped("(20,)", "<U1") + letters))


def lying() -> bytes:
    """A header that promises more than memory has."""
    header = npy(images(20, 4, 4)).replace(b"(20, 4, 4), }", b"(99999999999, 4, 4), }".replace(b"4, 4", b"4,4"))
    return packed(("images.npy", header), ("labels.npy", npy(LABELS)))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (npz(pixels=images(20, 4, 4)), "There is no array 'images'; the file holds: pixels.npy"),
        (npz(images=images(20, 4, 4)), "no array 'labels'"),
        (npz(images=images(20, 4, 4).astype(np.float32), labels=LABELS), "'images' is float32"),
        (npz(images=images(20, 4), labels=LABELS), "shape (20, 4)"),
        (npz(images=images(20, 0, 4), labels=LABELS), "shape (20, 0, 4)"),
        (npz(images=images(20, 4, 4), labels=LABELS[:-1]), "'labels' has shape (19,)"),
        (npz(images=images(20, 4, 4), labels=LABELS.astype(float)), "'labels' is float64"),
        (npz(images=images(20, 4, 4), labels=LABELS * 0), "Every image is of class 0"),
        (npz(images=images(5, 4, 4), labels=LABELS[:5]), "There are 5 images"),
        (npz(images=np.zeros((20, 4, 4), np.uint8), labels=LABELS), "Only 2 of its 20 rows differ"),
        (packed(("images.npy", npy(np.array([{}] * 20))), ("labels.npy", npy(LABELS))), "'images' holds pickled"),
        (packed(("images.npy", npy(images(20, 4, 4))), ("labels.npy", npy(np.array([{}] * 20)))), "'labels' holds"),
        (packed(("images.npy", b"\x80\x04pickle"), ("labels.npy", npy(LABELS))), "'images' cannot be read"),
        (packed(("images.npy", npy(images(20, 4, 4))[:-9]), ("labels.npy", npy(LABELS))), "'images' says"),
        (lying(), "'images' says"),
        (headed(shaped("(-20, -16, 1)")), "'images' says"),
        (headed(shaped("(" + "9" * 4500 + ",)")), "'images' cannot be read: its header"),
        (headed(b"\x93NUMPY\x01\x00" + struct.pack("<H", 9000) + b"(" * 9000), "'images' cannot be read: its header"),
        (headed(b"\x93NUMPY\x03\x00" + bytes(40)), "'images' cannot be read: its header"),
        (packed(("images.npy", npy(images(20, 4, 4))), ("labels.npy", shaped("(20,)", "<U0"))), "'labels' holds"),
        (lettered(0xD800), "'labels' holds what is no text"),
        (lettered(0xFFFFFFFF), "'labels' holds what is no text"),
        (npz(images=images(20, 4, 4), labels=np.array(["a" * 201, "b"] * 10)), "class 'aaaa"),
        (npz(images=images(10_001, 2, 2), labels=np.arange(10_001) + 10**18), "10,001 classes"),
        (b"\x93NUMPY", "no zip archive"),
    ],
)
def test_arrays_that_cannot_be_used_say_why(checked, content, why):
    found, folder = checked(content, ".npz")

    assert why in found.problem
    assert [file.name for file in folder.iterdir()] == ["upload"]


class Heard:
    def __init__(self) -> None:
        self.last = None

    def send(self, message) -> None:
        self.last = message


@pytest.fixture
def trained(checked, tmp_path, library):
    """Trains a model on a file; the folder of its artifacts."""

    def run(content: bytes, ending: str, **spec) -> Path:
        found, folder = checked(content, ending)
        dataset = Dataset.model_validate(
            {"id": "ds_" + "0" * 20, "state": "ready", "task": "image-classification", "name": "x", "bytes": 1}
            | {"sha256": "", "created_at": 0, "contents": found.contents}
        )
        asked = JobSpec.model_validate(
            {"task": "image-classification", "dataset": dataset.id, "budget": {"epochs": 12}, **spec}
        )
        place = tmp_path / "attempt"
        resolved = resolve(asked, "cpu", dataset)
        lane = Lane(job="j", attempt=1, spec=resolved, folder=str(place), dataset=str(folder))
        train_group(Train(lanes=(lane,)), heard := Heard(), Interrupt(), library)
        assert heard.last.result is not None, heard.last.reason
        return place / "artifacts"

    return run


@pytest.mark.parametrize("kind", ["convnet", "mlp", "linear"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5])
def test_images_of_any_channels_are_learned_and_recognized(trained, kind, channels):
    colours = np.array([[40 * (place + channel) % 256 for channel in range(channels)] for place in (0, 3, 6)] * 30)
    noise = RANDOM.integers(-15, 15, (90, 6, 5, channels))
    pixels = np.clip(colours[:, None, None, :] + noise, 0, 255).astype(np.uint8)
    names = np.array(["rot", "grün", "蓝"])[np.arange(90) % 3]

    folder = trained(npz(images=pixels, labels=names), ".npz", model={"kind": kind})

    outputs = answer(Ask(ask="a", folder=str(folder), inputs=tuple(pixels[:3].tolist()))).outputs
    assert [output["label"] for output in outputs] == ["rot", "grün", "蓝"]


@pytest.mark.parametrize("shape", [(5, 4), (5, 4, 3), (5, 4, 4)])
def test_a_png_is_the_image_it_shows(trained, shape):
    folder = trained(pictures(20, shape), ".zip", budget={"steps": 3})
    pixels = images(*shape)

    drawn, listed = answer(
        Ask(ask="a", folder=str(folder), inputs=(base64.b64encode(png(pixels)).decode(), pixels.tolist()))
    ).outputs

    assert drawn["probabilities"] == pytest.approx(listed["probabilities"], abs=1e-5)
