"""What a training saw, in its checkpoints, and inputs that are unlike it."""

import pytest
import torch
from mmdet3d.structures import Det3DDataSample

from epropnp_det.engine import TrainingViewHook
from epropnp_det.engine.checkpoint import check_checkpoint
from epropnp_det.engine.training_view import describe_strange_input, fit_to_view, view_of


def sample(width: int, height: int, focal: float, row: float, cut: int = 0) -> Det3DDataSample:
    """Of an image that loses rows at the top on its way to the network."""
    stored = [[focal, 0, width / 2], [0, focal, row], [0, 0, 1]]
    seen = [[focal, 0, width / 2], [0, focal, row - cut], [0, 0, 1]]
    metainfo = dict(
        ori_shape=(height, width),
        img_shape=(height - cut, width),
        ori_cam2img=stored,
        cam2img=torch.tensor(seen).tolist(),
    )
    return Det3DDataSample(metainfo=metainfo)


TRAINED = {
    "image": {"width": [400, 400], "height": [224, 224], "focal": [200, 320], "row": [110, 124]},
    "input": {"width": [400, 400], "height": [168, 168], "focal": [200, 320], "row": [54, 68]},
}


def test_checkpoints_of_a_training_remember(toy_runner, tmp_path):
    runner = toy_runner({"train_cfg.max_epochs": 1})
    (hook,) = (hook for hook in runner.hooks if isinstance(hook, TrainingViewHook))
    batch = [sample(400, 224, 320, 110, 56), sample(400, 224, 200, 124, 56)]
    hook.before_train_iter(runner, 0, {"data_samples": batch})
    runner.train()
    saved = check_checkpoint(tmp_path / "work/epoch_1.pth")
    assert saved["meta"]["training_view"] == TRAINED
    # An interruption forgets nothing, and the toy task, which has no images, adds nothing.
    toy_runner(resume=True).train()
    assert check_checkpoint(tmp_path / "work/epoch_3.pth")["meta"]["training_view"] == TRAINED
    # A training that takes the weights alone has a view of its own.
    options = {"load_from": str(tmp_path / "work/epoch_3.pth"), "work_dir": str(tmp_path / "own")}
    toy_runner({**options, "train_cfg.max_epochs": 1}).train()
    assert "training_view" not in check_checkpoint(tmp_path / "own/epoch_1.pth")["meta"]


def test_images_without_camera_leave_nothing(toy_runner):
    runner = toy_runner()
    for batch in ({"data_samples": [Det3DDataSample()]}, [1, 2], None):
        TrainingViewHook().before_train_iter(runner, 0, batch)
    checkpoint = {"meta": {}}
    TrainingViewHook().before_save_checkpoint(runner, checkpoint)
    assert checkpoint == {"meta": {}}


@pytest.mark.parametrize(
    ("image", "said"),
    [
        ((400, 224, 320, 110), None),
        ((440, 246, 350, 125), None),  # within the margins
        (
            (800, 448, 640, 245),
            "a width of 800 (in training 400) and a height of 392 (in training 168) and a focal "
            "length of 640 (in training 200 to 320) and its principal point in row 189 (in "
            "training 54 to 68), pixels, for which its boxes may be wrong or invented: fit it with "
            "--fit (fit=True).",
        ),
        ((400, 224, 420, 112), "a focal length of 420 (in training 200 to 320), pixels"),
        ((400, 244, 320, 144), "principal point in row 88 (in training 54 to 68), pixels"),
        ((400, 400, 320, 288), "(in training 54 to 68), pixels, for which its boxes may be wrong "),
        # What scaling and rows at the top cannot mend.
        ((200, 224, 320, 112), "a width of 200 (in training 400), pixels, for which its boxes "),
        ((400, 300, 320, 112), "crop or pad it to the proportions of the training's images, 400 x"),
    ],
)
def test_strange_inputs(image, said):
    found = describe_strange_input(sample(*image, cut=56), TRAINED)
    assert found is None if said is None else said in found


def test_no_advice_that_was_taken():
    said = describe_strange_input(sample(400, 300, 420, 112, cut=56), TRAINED, fitted=True)
    assert said.endswith("crop or pad it to the proportions of the training's images, 400 x 224.")


@pytest.mark.parametrize(
    ("image", "factor", "rows"),
    [
        ((400, 224, 320, 112), 1, 0),
        ((400, 224, 250, 112), 1, 0),
        ((800, 448, 640, 240), 1 / 2, 0),
        ((800, 448, 400, 240), 1 / 2, 0),  # the wide lens at twice the size
        ((300, 168, 240, 84), 4 / 3, 0),  # the long one, small
        ((400, 224, 640, 112), 1 / 2, -54),
        ((400, 400, 320, 288), 1, 164),
    ],
)
def test_fit(image, factor, rows):
    width, height, focal, row = image
    cam2img = [[focal, 0, width / 2], [0, focal, row], [0, 0, 1]]
    found = fit_to_view(view_of((height, width), cam2img), TRAINED["image"])
    assert found == (pytest.approx(factor), rows)
