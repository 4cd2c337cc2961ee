import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from mmdet3d.structures import Det3DDataSample
from mmdet3d.structures.bbox_3d import limit_period
from torch import nn

from epropnp_det.errors import UserError
from epropnp_det.models import EProPnPTTA
from epropnp_det.models.settings import TestSettings
from epropnp_det.pnp import LMSolver

CAM_MAT = np.array([[200.0, 0, 128], [0, 200, 64], [0, 0, 1]])


class Ready(nn.Module):
    """Stands in for a data preprocessor where images are normalised already."""

    def forward(self, data: dict, training: bool) -> dict:
        return data


def view(images: torch.Tensor, cam_mats: np.ndarray, flip: bool) -> tuple[dict, list]:
    """Preprocessed images (B, 3, H, W) or their mirror images, with cameras to match."""
    height, width = images.shape[-2:]
    cam_mats = cam_mats.copy()
    if flip:
        cam_mats[:, 0, 2] = width - cam_mats[:, 0, 2]
        images = images.flip(-1)
    samples = [
        Det3DDataSample(metainfo=dict(cam2img=cam_mat, img_shape=(height, width), flip=flip))
        for cam_mat in cam_mats
    ]
    return dict(imgs=images), samples


def batch(*views: tuple[dict, list]) -> dict:
    inputs, samples = zip(*views, strict=True)
    return dict(inputs=list(inputs), data_samples=list(samples))


@pytest.fixture
def tta(build: Callable[..., nn.Module]) -> EProPnPTTA:
    """A network whose scores and sizes tell objects apart, as far as random weights do."""
    model = build(test_cfg=dict(score_thr=0.0, max_per_img=12, solver_iters=30)).eval()
    for parameter in model.parameters():
        if parameter.dim() > 1:
            parameter.data += 0.02 * torch.randn_like(parameter)
    model.data_preprocessor = Ready()
    return EProPnPTTA(model)


@pytest.fixture
def solved(tta, monkeypatch) -> list:
    """What goes into the pose predictor: predictions and objects of each call."""
    calls, boxes = [], tta.module.bbox_head.boxes

    def spy(pred, objects, views):
        calls.append((pred, objects))
        return boxes(pred, objects, views)

    monkeypatch.setattr(tta.module.bbox_head, "boxes", spy)
    return calls


def test_as_published(network, reference, views, monkeypatch):
    """Both views' correspondences of the published implementation, of its 48 best objects."""
    network.data_preprocessor = Ready()
    num = len(reference["tta_obj_label"])
    network.dense_head.test_settings = TestSettings(score_thr=0.0, max_per_img=num)
    merged = []
    monkeypatch.setattr(network.bbox_head, "boxes", lambda *args: merged.extend(args) or [])
    monkeypatch.setattr(network, "add_pred_to_datasample", lambda *_: [])
    images, cam_mats = reference["img"], views.cam_mats.double().numpy()
    EProPnPTTA(network).test_step(
        batch(view(images, cam_mats, False), view(images, cam_mats, True))
    )

    pred, objects, _ = merged
    # It took the best of both images together, and all of them lie in the second.
    (image,) = reference["tta_obj_img_ind"].unique()
    own = objects.img_ind == image
    assert torch.equal(objects.label[own], reference["tta_obj_label"])
    ones = torch.ones_like(reference["tta_x2d"][..., :1])
    pixels = torch.cat([reference["tta_x2d"], ones], -1) @ reference["img_transform"][image].T
    ours = dict(
        x2d=pred.x2d,
        x3d=pred.x3d,
        w2d=pred.w2d,
        dimensions=pred.dims,
        score_3d=pred.score_logit.sigmoid(),
        velocity=pred.velocity,
        attribute_logits=pred.attr_logit,
        obj_score=objects.score,
    )
    for name, values in ours.items():
        theirs = pixels[..., :2] if name == "x2d" else reference[f"tta_{name}"]
        assert values[own].shape == theirs.shape
        assert (values[own] - theirs).abs().max() < 1e-4 * theirs.abs().max(), name


def test_two_views_of_a_batch_are_two_batches(tta, solved):
    images, cam_mats = torch.randn(2, 3, 128, 256), CAM_MAT[None].repeat(2, axis=0)
    tta.test_step(batch(view(images, cam_mats, False), view(images, cam_mats, True)))
    for i in range(2):
        one, camera = images[i : i + 1], cam_mats[i : i + 1]
        tta.test_step(batch(view(one, camera, False), view(one, camera, True)))
    (pred, objects), *alone = solved
    for i, (own_pred, own_objects) in enumerate(alone):
        own = objects.img_ind == i
        assert torch.equal(objects.label[own], own_objects.label)
        for name in ("x3d", "x2d", "w2d", "dims", "score_logit"):
            torch.testing.assert_close(
                getattr(pred, name)[own], getattr(own_pred, name), atol=1e-3, rtol=1e-3
            )


def test_mirrored_image_gives_mirrored_boxes(tta, solved, monkeypatch):
    """Apart from the random start of the solver, which its own mirror image stands in for here."""
    start = torch.tensor([0.0, 1.0, 15.0, math.pi / 2])
    monkeypatch.setattr(
        tta.module.bbox_head.pose_predictor.pnp,
        "solver",
        lambda problem, generator: LMSolver(num_iter=1)(problem, start.repeat(len(problem), 1)),
    )
    images, cam_mats = torch.randn(1, 3, 128, 256), CAM_MAT[None] + [[0, 0, 5.0], [0] * 3, [0] * 3]
    mirror_mats = cam_mats.copy()
    mirror_mats[:, 0, 2] = 256 - mirror_mats[:, 0, 2]
    (straight,) = tta.test_step(batch(view(images, cam_mats, False), view(images, cam_mats, True)))
    flipped = images.flip(-1)
    (mirrored,) = tta.test_step(
        batch(view(flipped, mirror_mats, False), view(flipped, mirror_mats, True))
    )
    (one, objects), (other, other_objects) = solved
    assert torch.equal(objects.label, other_objects.label)
    torch.testing.assert_close(objects.score, other_objects.score)
    # Each call has the correspondences of its own plain view first.
    half = one.x3d.shape[1] // 2
    swapped = [*range(half, 2 * half), *range(half)]
    turn = torch.tensor([1.0, 1, -1])
    close = dict(atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(one.x3d, other.x3d[:, swapped] * turn, **close)
    torch.testing.assert_close(one.x2d[..., 0], 256 - other.x2d[:, swapped, 0], **close)
    torch.testing.assert_close(one.w2d, other.w2d[:, swapped], **close)
    torch.testing.assert_close(one.velocity, other.velocity * torch.tensor([-1.0, 1]), **close)

    assert straight.metainfo["flip"] is False
    straight, mirrored = straight.pred_instances_3d, mirrored.pred_instances_3d
    assert torch.equal(straight.labels_3d, mirrored.labels_3d)
    torch.testing.assert_close(straight.scores_3d, mirrored.scores_3d, **close)
    expected = mirrored.bboxes_3d.tensor * torch.tensor([-1.0, 1, 1, 1, 1, 1, -1, -1, 1])
    expected[:, 6] += math.pi
    difference = straight.bboxes_3d.tensor - expected
    difference[:, 6] = limit_period(difference[:, 6], period=2 * math.pi)
    assert len(difference) > 0 and difference.abs().max() < 1e-3


def test_the_same_view_twice_changes_nothing(tta, solved):
    images, cam_mats = torch.randn(1, 3, 128, 256), CAM_MAT[None]
    same = view(images, cam_mats, False)
    tta.test_step(batch(same))
    tta.test_step(batch(same, same))
    (one, objects), (two, other_objects) = solved
    assert torch.equal(objects.center, other_objects.center)
    for name in ("dims", "score_logit", "velocity", "attr_logit"):
        torch.testing.assert_close(getattr(one, name), getattr(two, name))
    for name in ("x3d", "x2d", "w2d"):
        once = getattr(one, name)
        torch.testing.assert_close(getattr(two, name), torch.cat([once, once], dim=1))


def test_boxes_are_those_of_the_detector_where_there_is_one_view(tta):
    images, cam_mats = torch.randn(1, 3, 128, 256), CAM_MAT[None]
    (found,) = tta.test_step(batch(view(images, cam_mats, False)))
    with torch.no_grad():
        (expected,) = tta.module.predict(*view(images, cam_mats, False))
    found, expected = found.pred_instances_3d, expected.pred_instances_3d
    torch.testing.assert_close(found.bboxes_3d.tensor, expected.bboxes_3d.tensor)
    torch.testing.assert_close(found.scores_3d, expected.scores_3d)


def test_mixed_precision(tta, solved):
    images, cam_mats = torch.randn(1, 3, 128, 256), CAM_MAT[None]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        (found,) = tta.test_step(batch(view(images, cam_mats, False), view(images, cam_mats, True)))
    assert solved[0][0].x3d.dtype == torch.float32
    assert len(found.pred_instances_3d) > 0
    assert found.pred_instances_3d.bboxes_3d.tensor.isfinite().all()


def test_nothing_found(tta):
    tta.module.dense_head.test_settings = TestSettings(score_thr=1.1)
    images, cam_mats = torch.randn(2, 3, 128, 256), CAM_MAT[None].repeat(2, axis=0)
    results = tta.test_step(batch(view(images, cam_mats, False), view(images, cam_mats, True)))
    assert [len(result.pred_instances_3d) for result in results] == [0, 0]


def test_views_that_do_not_fit_are_refused(tta):
    images, cam_mats = torch.randn(1, 3, 128, 256), CAM_MAT[None]
    plain, mirrored = (view(images, cam_mats, flip) for flip in (False, True))
    with pytest.raises(UserError, match="first view of tta_pipeline is mirrored"):
        tta.test_step(batch(mirrored, plain))
    for other in (view(images[..., :224], cam_mats, True), view(images, 2 * cam_mats, False)):
        with pytest.raises(UserError, match="out of TestTimeAug"):
            tta.test_step(batch(plain, other))
