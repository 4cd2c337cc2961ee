"""Label files of other people's data in KITTI's layout: read, or refused in one sentence."""

import pickle
import shutil
from pathlib import Path

import pytest
from kitti_layout import write_kitti
from PIL import Image

from epropnp_det.datasets import create_kitti_infos
from epropnp_det.errors import UserError

CAR = "Car 0.00 0 0.3 200.5 80 260 120.25 1.5 1.6 3.9 -2 1.6 20 0.2"
DONT_CARE = "DontCare -1 -1 -10 503 169 590 185 -1 -1 -1 -1000 -1000 -1000 -10"


@pytest.fixture(scope="module")
def clean(tmp_path_factory) -> Path:
    return write_kitti(tmp_path_factory.mktemp("kitti"), 2, 1)


@pytest.fixture
def root(clean, tmp_path) -> Path:
    """Two images for training and one for validation."""
    return shutil.copytree(clean, tmp_path / "kitti")


def write_label(root: Path, text: str | bytes, number: int = 0) -> None:
    content = text if isinstance(text, bytes) else text.encode()
    (root / f"training/label_2/{number:06d}.txt").write_bytes(content)


def frames_of(root: Path, split: str = "train") -> list[dict]:
    create_kitti_infos(root)
    return pickle.loads((root / f"kitti_infos_{split}.pkl").read_bytes())["data_list"]


def instances_of(root: Path, text: str | bytes) -> list[dict]:
    write_label(root, text)
    return frames_of(root)[0]["instances"]


def refusal(root: Path) -> str:
    """The one sentence; nothing is written."""
    with pytest.raises(UserError) as refused:
        create_kitti_infos(root)
    assert not list(root.glob("*infos*")) and not list(root.glob(".*"))
    sentence = str(refused.value)
    assert "\n" not in sentence
    return sentence


def test_empty_file_is_an_image_without_objects(root):
    write_label(root, "")
    first, second = frames_of(root)
    assert first["instances"] == [] and len(second["instances"]) == 26


@pytest.mark.parametrize(
    "text",
    [
        f"{CAR}\n\n{DONT_CARE}\n",
        f"\n  \n{CAR}\n{DONT_CARE}",
        f"{CAR}\r\n{DONT_CARE}\r\n\r\n",
        f"{CAR}\r{DONT_CARE}\r",
        f"\ufeff{CAR}\n{DONT_CARE}\n",
        f"{CAR}\n{DONT_CARE}\n".replace(" ", "\t"),
        f" {CAR}  \n{DONT_CARE}\t\n",
        f"{CAR} 0.87\n{DONT_CARE}\n",
        f"car{CAR[3:]}\ndontcare{DONT_CARE[8:]}\n",
        f"CAR{CAR[3:]}\nDONTCARE{DONT_CARE[8:]}\n",
        f"forklift{CAR[3:]}\n{CAR}\n{DONT_CARE}\n",
    ],
)
def test_read_as_kittis_own(root, text):
    expected = instances_of(root, f"{CAR}\n{DONT_CARE}\n")
    assert [each["bbox_label"] for each in expected] == [2, -1]
    assert [each["index"] for each in expected] == [0, -1]
    assert instances_of(root, text) == expected


def test_class_names_are_said_once_with_counts(root, capsys):
    write_label(root, f"car{CAR[3:]}\nCAR{CAR[3:]}\n{CAR}\n")
    write_label(root, f"car{CAR[3:]}\nforklift{CAR[3:]}\nPallet{CAR[3:]}\nforklift{CAR[3:]}", 2)
    create_kitti_infos(root)
    said = [line for line in capsys.readouterr().out.splitlines() if line]
    assert said == [
        "Objects whose class has other capitals than KITTI's, read: 2 car as Car, 1 CAR as Car.",
        "Objects of classes that KITTI does not have, left out: 2 forklift, 1 Pallet. It has "
        "Pedestrian, Cyclist, Car, Van, Truck, Person_sitting, Tram, Misc.",
    ]


def test_of_many_class_names_the_most_frequent_are_said(root, capsys):
    lines = [f"thing{i}{CAR[3:]}" for i in range(13)] + [f"thing12{CAR[3:]}", CAR]
    write_label(root, "\n".join(lines))
    create_kitti_infos(root)
    said = capsys.readouterr().out
    assert "left out: 2 thing12, 1 thing0, " in said and ", 1 thing8, 3 others. It has" in said


def test_nothing_is_said_of_kittis_own(root, capsys):
    create_kitti_infos(root)
    assert capsys.readouterr().out == ""


def test_no_object_of_a_known_class(root):
    for number in range(2):
        write_label(root, f"forklift{CAR[3:]}\npallet{CAR[3:]}\nforklift{CAR[3:]}\n", number)
    sentence = refusal(root)
    assert f"labels of {root}/ImageSets/train.txt have no object of a class of KITTI" in sentence
    assert "(they have 4 forklift, 2 pallet): call objects Pedestrian, Cyclist, Car" in sentence
    for number in range(2):
        write_label(root, f"{DONT_CARE}\n" if number else "", number)
    assert "no object of a class of KITTI: call objects" in refusal(root)


def test_validation_split_without_objects(root):
    write_label(root, "", 2)
    assert frames_of(root, "val")[0]["instances"] == []


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("Car 0 0", "3 fields, not 15 or, with a score, 16: write class, truncation, "),
        ("Car", "1 fields, not 15"),
        (CAR.rsplit(" ", 1)[0], "14 fields, not 15"),
        (f"{CAR} 0.5 7", "17 fields, not 15"),
        (f"0 1 {CAR}", "17 fields, not 15"),
        (CAR.replace(" ", ","), "1 fields, not 15"),
        (CAR.replace("1.5", "high"), "'high' is no finite number: correct the line"),
        (CAR.replace("1.5", "1,5"), "'1,5' is no finite number"),
        (CAR.replace("1.5", "nan"), "'nan' is no finite number"),
        (CAR.replace("20 ", "inf "), "'inf' is no finite number"),
        (f"Person sitting{CAR[3:]}", "'sitting' is no finite number"),
        (CAR.replace("1.6 3.9", "-1.6 3.9"), "the Car has height 1.5, width -1.6 and length 3.9: "),
        (CAR.replace("1.5", "0"), "the Car has height 0, width 1.6 and length 3.9: write metres"),
        (CAR.replace("260", "100"), "the Car has an empty 2D box, 200.5 80 100 120.25: write left"),
        (
            CAR.replace("200.5 80 260 120.25", "0 0 0 0"),
            "the Car has an empty 2D box, 0 0 0 0: write left",
        ),
        (CAR.replace("20 ", "-0.3 "), "the Car has its centre beside the camera, at depth 0: "),
    ],
)
def test_lines_that_are_refused(root, line, said):
    write_label(root, f"{CAR}\n\n{line}\n")
    assert f"{root}/training/label_2/000000.txt, line 3: {said}" in refusal(root)


@pytest.mark.parametrize("line", ["DontCare" + " 0" * 14, f"forklift{CAR[3:]}".replace("1.5", "0")])
def test_what_is_passed_over_may_lack_an_extent(root, line):
    assert len(instances_of(root, f"{CAR}\n{line}\n")) == 1 + line.startswith("DontCare")


def test_files_that_are_no_text(root):
    write_label(root, CAR.replace("Car", "Fußgänger").encode("latin-1"))
    assert "000000.txt is not text in UTF-8: save it so, or unpack it again" in refusal(root)
    path = root / "training/label_2/000000.txt"
    path.unlink()
    path.mkdir()
    assert "000000.txt cannot be read (Is a directory): unpack it, take" in refusal(root)


def test_missing_files(root):
    (root / "training/label_2/000001.txt").unlink()
    said = "label_2/000001.txt is missing: unpack it, take 000001 out of ImageSets, or write an"
    assert said in refusal(root)
    (root / "training/image_2/000001.png").unlink()
    said = "image_2/000001.png is missing: unpack it, or take 000001 out of ImageSets"
    assert said in refusal(root)
    (root / "training/calib/000001.txt").unlink()
    said = "calib/000001.txt is missing: unpack it, or take 000001 out of ImageSets"
    assert said in refusal(root)


def test_label_of_an_image_that_is_not_listed(root):
    write_label(root, "nonsense", 7)
    assert len(frames_of(root)) == 2


def test_jpeg_images(root):
    path = root / "training/image_2/000001.png"
    with Image.open(path) as image:
        image.save(path.with_suffix(".jpg"))
    path.unlink()
    names = [frame["images"]["CAM2"]["img_path"] for frame in frames_of(root)]
    assert names == ["000000.png", "000001.jpg"]


@pytest.mark.parametrize(
    "text", ["\ufeff000000\r\n\r\n000001\r\n", "000000 000001", "000000\t\n000001"]
)
def test_lists_of_images(root, text):
    (root / "ImageSets/train.txt").write_bytes(text.encode())
    assert [frame["sample_idx"] for frame in frames_of(root)] == [0, 1]


@pytest.mark.parametrize("word", ["000001.png", "image_2/000001", "frame", "-1"])
def test_lists_of_something_else(root, word):
    (root / "ImageSets/train.txt").write_text(f"000000\n\n{word}\n")
    said = f"ImageSets/train.txt, line 3: '{word}' is no image number: name the image as 000012"
    assert said in refusal(root)
