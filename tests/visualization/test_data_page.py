import pickle
from pathlib import Path

import numpy as np
import pytest

from epropnp_det.datasets import create_nuscenes_infos
from epropnp_det.datasets.check import Report, check_info_file
from epropnp_det.synthetic import Settings, generate
from epropnp_det.visualization import pixels_of
from epropnp_det.visualization.data_page import data_page


@pytest.fixture(scope="module")
def info_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("page") / "data"
    generate(Settings(2, 1, 1, image_size=(64, 36)), root)
    train, *_ = create_nuscenes_infos(root, "v1.0-mini")
    return train.path


def edited(info_file: Path, change) -> Report:
    content = pickle.loads(info_file.read_bytes())
    change(content)
    path = info_file.with_name("edited.pkl")
    path.write_bytes(pickle.dumps(content))
    return check_info_file(path, info_file.parent)


def texts(figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(match=lambda x: hasattr(x, "get_text"))]


def test_page(info_file):
    report = check_info_file(info_file, info_file.parent)
    figure = data_page([report])
    pixels = pixels_of(figure)
    assert pixels.shape[1] == 1600
    said = texts(figure)
    objects = report.listing.objects
    assert f"nuscenes_infos_train.pkl: 6 images, {len(objects)} boxes" in said
    cars = objects.label == 0
    kept = (cars & objects.kept).sum()
    assert str(kept) in said or f"{kept} of {cars.sum()}" in said
    most = np.bincount(objects.image[objects.kept]).max()
    assert any(text.startswith(f"the image with the most boxes, {most}: CAM_") for text in said)
    # Everything lies within the page.
    figure.canvas.draw()
    width, height = figure.canvas.get_width_height()
    for ax in figure.axes:
        box = ax.get_tightbbox()
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height


def test_images_of_several_files_count_once(info_file):
    report = check_info_file(info_file, info_file.parent)
    count = len(report.listing.objects)
    assert any(
        text.endswith(f": 6 images, {count} boxes") for text in texts(data_page([report] * 2))
    )


def test_split_without_boxes_is_its_first_image(info_file):
    report = edited(info_file, lambda content: content["data_list"][0].pop("cam_instances"))
    figure = data_page([report])
    assert len(figure.axes) == 1 and any("the most boxes, 0" in text for text in texts(figure))


def test_broken_data_is_drawn_as_far_as_it_goes(info_file):
    def change(content: dict) -> None:
        (frame,) = content["data_list"]
        for image in frame["images"].values():
            image["img_path"] = "absent.jpg"
        objects = [x for each in frame["cam_instances"].values() for x in each]
        objects[0]["bbox_3d"][0] = np.nan
        objects[1]["bbox"] = [np.nan] * 4
        objects[2]["bbox_3d"][3] = -1.0
        objects[3]["bbox_label_3d"] = 99

    figure = data_page([edited(info_file, change)])
    assert pixels_of(figure).any() and len(figure.axes) == 4


def test_classes_of_ones_own_have_colours(info_file):
    names = {f"thing {i}": i for i in range(30)}
    report = edited(info_file, lambda content: content["metainfo"].update(categories=names))
    said = texts(data_page([report]))
    assert any(text.startswith("the first 12 of 30 classes, boxes") for text in said)
