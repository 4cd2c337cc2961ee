"""Every fault is made in a sound data set of its own, and found: it alone, with its place."""

import copy
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from kitti_layout import write_kitti
from PIL import ExifTags, Image

from epropnp_det.datasets import create_kitti_infos, create_nuscenes_infos
from epropnp_det.datasets.check import Report, boxes, check_info_file, error_sentence, frames
from epropnp_det.datasets.check import image_files as files
from epropnp_det.datasets.nuscenes_names import CAMERAS
from epropnp_det.synthetic import Settings, generate

SIZE = (96, 54)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataroot in nuScenes' format with an info file of two frames."""
    root = tmp_path_factory.mktemp("check") / "data"
    generate(Settings(2, 2, 1, image_size=SIZE), root)
    create_nuscenes_infos(root, "v1.0-mini")
    return root


@pytest.fixture
def check(root: Path, tmp_path: Path) -> Callable[[Callable[[dict], None]], Report]:
    """The report on the info file after a change of its content."""

    def run(change: Callable[[dict], None]) -> Report:
        content = pickle.loads((root / "nuscenes_infos_train.pkl").read_bytes())
        change(content)
        path = tmp_path / "infos.pkl"
        path.write_bytes(pickle.dumps(content))
        return check_info_file(path, root)

    return run


def only(report: Report):
    (finding,) = report.findings
    return finding


def fullest(content: dict) -> tuple[dict, str, list[dict]]:
    """The frame and camera of the most objects, and these."""
    entries = [(f, c, o) for f in content["data_list"] for c, o in f["cam_instances"].items()]
    return max(entries, key=lambda entry: len(entry[2]))


def car(content: dict) -> tuple[dict, str, int, dict]:
    """Frame, camera, number and entry of the largest car in an image."""
    cars = [
        (frame, camera, number, each)
        for frame in content["data_list"]
        for camera, objects in frame["cam_instances"].items()
        for number, each in enumerate(objects)
        if each["bbox_label"] == 0 and each["truncation"] == 0
    ]
    return max(cars, key=lambda entry: np.dot(entry[3]["bbox"], (-1, 0, 1, 0)))


def test_sound_data(check):
    report = check(lambda content: None)
    assert report.findings == [] and error_sentence([report]) is None
    lines = list(report.lines())
    assert "2 frames, 12 images" in lines[0] and lines[-1] == "  nothing is wrong."
    assert sum(line.split()[0] in CAMERAS for line in lines) == 6
    (header,) = [line for line in lines if "with LiDAR points" in line]
    assert header.split()[-5:] == ["1", "2", "3", "4", "?"]


# By the kind: the change of an object, as a function of it.
OBJECT_FAULTS = [
    (boxes.NO_CLASS, dict(bbox_label_3d=10, bbox_label=10)),
    (boxes.NO_CLASS, dict(bbox_label_3d=-2, bbox_label=-2)),
    (boxes.NO_CLASS, dict(bbox_label_3d=0.5, bbox_label=0.5)),
    (boxes.NO_FIELD, dict(attr_label=None)),
    (boxes.NO_FIELD, dict(bbox_3d=[0, 0, 10, 4, 2, 2])),
    (boxes.TWO_LABELS, dict(bbox_label=3)),
    (boxes.NOT_FINITE, dict(bbox=[0, np.nan, 10, 10])),
    (boxes.NOT_FINITE, dict(velocity=[np.inf, 0])),
    (boxes.NO_2D, dict(bbox=[20, 10, 5, 8])),
    (boxes.OUTSIDE, dict(bbox=[100, 10, 120, 30])),
    (boxes.NO_ATTRIBUTE_NUMBER, dict(attr_label=9)),
    (boxes.NO_ATTRIBUTE_NUMBER, dict(attr_label=-1)),
    (boxes.SOME_DISAGREE, dict(bbox=[1, 1, 12, 12])),
    (boxes.CENTRE, dict(center_2d=[3.0, 50.0])),
    (boxes.CENTRE, dict(depth=np.nan)),
    (boxes.UNFIT, dict(attr_label=2)),
]


@pytest.mark.parametrize(("kind", "fault"), OBJECT_FAULTS)
def test_fault_of_an_object(check, kind, fault):
    place = []

    def change(content: dict) -> None:
        frame, camera, number, each = car(content)
        each.update(fault)
        place.extend((f"object {number} ", f"{camera} of frame {frame['token']}"))

    report = check(change)
    # Where the 2D box is elsewhere, it is not around the 3D box either.
    found = {finding.kind: finding for finding in report.findings}
    assert found.keys() - {boxes.SOME_DISAGREE} == {kind} - {boxes.SOME_DISAGREE}
    assert all(part in found[kind].example for part in place)
    assert found[kind].count == 1
    assert (error_sentence([report]) is not None) == kind.wrong


@pytest.mark.parametrize(
    ("kind", "place", "value"),
    [
        (boxes.NOT_FINITE, 0, np.nan),
        (boxes.NO_SIZE, 4, 0.0),
        (boxes.BEHIND, 2, -5.0),
        (boxes.DEGREES, 6, 90.0),
    ],
)
def test_fault_of_a_3d_box(check, kind, place, value):
    def change(content: dict) -> None:
        car(content)[3]["bbox_3d"][place] = value

    report = check(change)
    assert [x.kind for x in report.faults] == [kind] and "(car)" in report.faults[0].example


def test_odd_size(check):
    def change(content: dict) -> None:
        car(content)[3]["bbox_3d"][3] *= 9

    assert boxes.ODD_SIZE in [note.kind for note in check(change).notes]


@pytest.mark.parametrize(
    "change",
    [
        lambda box: box.__setitem__(1, box[1] + box[4] / 2),  # the bottom centre
        lambda box: box.__setitem__(slice(3, 6), [box[5], box[3], box[4]]),
        lambda box: box.__setitem__(slice(0, 3), [box[2], -box[0], -box[1]]),  # of the vehicle
    ],
)
def test_other_form_of_all_boxes(check, change):
    def everywhere(content: dict) -> None:
        for frame in content["data_list"]:
            for each in (x for objects in frame["cam_instances"].values() for x in objects):
                change(each["bbox_3d"])

    assert boxes.MOST_DISAGREE in [fault.kind for fault in check(everywhere).faults]


def test_box_beyond_the_image(check):
    def change(content: dict) -> None:
        car(content)[3]["bbox"][2] = SIZE[0] + 5

    assert boxes.BEYOND in [note.kind for note in check(change).notes]


def in_the_first(change: Callable[[dict], None]) -> Callable[[dict], None]:
    return lambda content: change(content["data_list"][0])


def front(**values) -> Callable[[dict], None]:
    return in_the_first(lambda frame: frame["images"]["CAM_FRONT"].update(values))


def twice(content: dict, *keys: str) -> None:
    first, second = content["data_list"]
    second.update({key: copy.deepcopy(first[key]) for key in keys})


@pytest.mark.parametrize(
    ("kind", "change", "said"),
    [
        (frames.NO_FIELD, in_the_first(lambda frame: frame.pop("ego2global")), "no ego2global"),
        (frames.NO_FIELD, in_the_first(lambda x: x["images"]["CAM_BACK"].pop("cam2img")), "cam2im"),
        (frames.SAME_NUMBER, lambda content: twice(content, "sample_idx"), "(0)"),
        (frames.SAME_TOKEN, lambda content: twice(content, "token"), "give every frame"),
        (frames.SAME_IMAGE, lambda content: twice(content, "images", "cam_instances"), "(6, such"),
        (
            frames.UNLABELLED,
            in_the_first(lambda frame: frame["cam_instances"].pop("CAM_BACK")),
            "CAM_BACK of frame",
        ),
        (frames.NO_CAMERA, front(cam2img=np.diag([50.0, -50, 1])), "must be positive"),
        (frames.NO_CAMERA, front(cam2img=np.eye(4)), "the shape 4 x 4"),
        (frames.NO_CAMERA, front(cam2img=[[900, 0, 480], [0, 900, 270], [0, 0, 1]]), "outside"),
        (files.MISSING, front(img_path="absent.jpg"), "samples/CAM_FRONT/absent.jpg"),
        (files.OTHER_SIZE, front(width=192, height=108), "of 96x54, not 192x108"),
    ],
)
def test_fault_of_a_frame_or_image(check, kind, change, said):
    faults = check(change).faults
    assert faults[0].kind.what == kind.what and said in str(faults[0])


def test_tilted_camera_is_a_note_unless_turned_level(check):
    nod = np.deg2rad(12)
    pose = np.eye(4)
    pose[:3, :3] = [[0, -np.sin(nod), np.cos(nod)], [-1, 0, 0], [0, -np.cos(nod), -np.sin(nod)]]
    note = only(check(front(cam2ego=pose.tolist())))
    assert note.kind == frames.TILTED and note.example == "CAM_FRONT by 12 degrees"
    assert check(front(cam2ego=pose.tolist(), homography=np.eye(3).tolist())).findings == []


def test_boxes_that_are_all_left_out(check):
    def change(content: dict) -> None:
        for frame in content["data_list"]:
            for each in (x for objects in frame["cam_instances"].values() for x in objects):
                each.update(bbox_3d_isvalid=False)

    assert only(check(change)).kind == boxes.NOTHING_KEPT


def test_empty_lists_are_wrong_and_a_test_split_is_not(check):
    def empty(content: dict) -> None:
        for frame in content["data_list"]:
            frame["cam_instances"] = dict.fromkeys(frame["images"], [])

    def unlabelled(content: dict) -> None:
        for frame in content["data_list"]:
            del frame["cam_instances"]

    assert only(check(empty)).kind == boxes.NO_BOX
    assert check(unlabelled).findings == []


def test_stock_info_file(check):
    """mmdet3d's has neither sizes of the images nor what our files add to an object."""

    def reduce(content: dict) -> None:
        for frame in content["data_list"]:
            for image in frame["images"].values():
                del image["height"], image["width"]
            for each in (x for objects in frame["cam_instances"].values() for x in objects):
                for key in ("visibility", "truncation", "num_lidar_pts", "num_radar_pts"):
                    del each[key]

    report = check(reduce)
    assert report.findings == []
    text = "\n".join(report.lines())
    assert "96x54" in text and "LiDAR" not in text and "visibility" not in text


@pytest.fixture
def own_copy(root: Path, tmp_path: Path) -> tuple[Path, Path]:
    """A copy of the dataroot and one of its images."""
    shutil.copytree(root, tmp_path / "copy")
    return tmp_path / "copy", min(tmp_path.glob("copy/samples/CAM_BACK/*.jpg"))


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


def widen(path: Path) -> None:
    image = cv2.imread(str(path)).astype(np.uint16) * 16
    path.write_bytes(cv2.imencode(".png", image)[1].tobytes())


@pytest.mark.parametrize(
    ("kind", "damage", "said"),
    [
        (files.MISSING, Path.unlink, "unpack them there"),
        (files.UNREADABLE, cut_short, "download"),
        (files.UNREADABLE, lambda path: path.write_text("text"), "download"),
        (files.DEEP, widen, "it has 16 bits a channel"),
    ],
)
def test_fault_of_an_image_file(own_copy, kind, damage, said):
    folder, image = own_copy
    damage(image)
    infos = [folder / f"nuscenes_infos_{split}.pkl" for split in ("train", "val")]
    (finding,) = [x for path in infos for x in check_info_file(path, folder).findings]
    assert finding.kind.what == kind.what and str(image) in str(finding) and said in str(finding)


def test_bytes_behind_an_image_do_not_matter(own_copy):
    folder, image = own_copy
    image.write_bytes(image.read_bytes() + bytes(8))
    assert files.look_at(str(image)) == files.ImageFile(SIZE)


def test_lying_image_has_the_size_that_it_is_shown_in(own_copy):
    _, path = own_copy
    with Image.open(path) as image:
        exif = image.getexif()
        exif[ExifTags.Base.Orientation] = 6
        image.save(path, exif=exif)
    assert files.look_at(str(path)).size == cv2.imread(str(path)).shape[1::-1] == SIZE[::-1]


def test_many_images_in_several_processes(root):
    paths = [str(path) for path in root.glob("samples/CAM_*/*.jpg")] + [
        f"no{i}" for i in range(400)
    ]
    found = files.read_headers(paths, workers=2)
    assert list(found) == paths
    assert sum(file.fault == files.MISSING for file in found.values()) == 400


def test_gravest_fault_and_number_of_others(check):
    def change(content: dict) -> None:
        front(img_path="absent.jpg")(content)
        content["data_list"][1]["sample_idx"] = 0
        car(content)[3]["attr_label"] = 9

    sentence = error_sentence([check(change)])
    assert "images that are missing" in sentence and sentence.endswith("; 2 more above.")


def test_kitti(tmp_path):
    write_kitti(tmp_path, train=2, val=1)
    create_kitti_infos(tmp_path)
    report = check_info_file(tmp_path / "kitti_infos_train.pkl", tmp_path)
    # The one Van of each image has a made-up 2D box.
    assert only(report).kind == boxes.SOME_DISAGREE and only(report).count == 2
    (tmp_path / "training/image_2/000001.png").unlink()
    report = check_info_file(tmp_path / "kitti_infos_train.pkl", tmp_path)
    assert "training/image_2/000001.png" in error_sentence([report])


def test_kitti_boxes_that_stand_on_their_centre(tmp_path):
    write_kitti(tmp_path, train=2, val=1)
    create_kitti_infos(tmp_path)
    path = tmp_path / "kitti_infos_train.pkl"
    content = pickle.loads(path.read_bytes())
    for each in (x for frame in content["data_list"] for x in frame["instances"]):
        each["bbox_3d"][1] -= each["bbox_3d"][4] / 2
    path.write_bytes(pickle.dumps(content))
    assert boxes.MOST_DISAGREE in [x.kind for x in check_info_file(path, tmp_path).faults]


def test_classes_that_a_file_does_not_name(check):
    report = check(lambda content: content["metainfo"].pop("categories"))
    assert report.findings == [] and any("class 0" in line for line in report.lines())


def test_real_keyframe(keyframe_infos, keyframe_root):
    report = check_info_file(keyframe_infos, keyframe_root)
    assert error_sentence([report]) is None and report.notes == []
