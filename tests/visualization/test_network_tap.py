"""What the tap catches while a network predicts."""

import numpy as np
import pytest
import torch
from mmdet3d.registry import MODELS
from mmdet3d.structures import Det3DDataSample
from mmengine import Config, DefaultScope
from torch import nn

from epropnp_det.models.object_pose import ObjectPoseHead
from epropnp_det.structures import ObjectPoseSample
from epropnp_det.visualization import NetworkTap

SIZE = (250, 120)


@pytest.fixture(autouse=True)
def no_grad():
    with torch.no_grad():
        yield


@pytest.fixture(scope="module")
def network(repo_root) -> nn.Module:
    path = repo_root / "configs/epropnp_det/epropnp-det_r18_fpn_small_nus-mono3d.py"
    cfg = Config.fromfile(path).model
    cfg.test_cfg = dict(score_thr=0.0, max_per_img=4, mc_samples=32)
    with DefaultScope.overwrite_default_scope("mmdet3d"):
        model = MODELS.build(cfg)
    model.init_weights()
    return model.eval()


def batch() -> dict:
    cam2img = [[200.0, 0, 125], [0, 200, 60], [0, 0, 1]]
    return dict(
        inputs=dict(img=[torch.randint(0, 255, (3, *SIZE[::-1]), dtype=torch.uint8)]),
        data_samples=[Det3DDataSample(metainfo=dict(cam2img=cam2img, img_shape=SIZE[::-1]))],
    )


def test_maps_are_attached_and_boxes_are_those_of_the_network_alone(network):
    data = batch()
    (plain,) = network.test_step(data)
    plain = plain.clone()
    tap = NetworkTap(network)
    found = network.test_step(data)
    tap.attach(found)
    tap.close()
    (sample,) = found
    torch.testing.assert_close(
        sample.pred_instances_3d.bboxes_3d.tensor, plain.pred_instances_3d.bboxes_3d.tensor
    )
    assert {"pose_samples", "x2d"} <= set(sample.pred_instances_3d.keys())
    assert sample.center_heat.shape == (30, 63)
    assert sample.num_heads == network.bbox_head.point_sampler.num_heads
    assert sample.pred_instances_3d.x2d.shape[1] % sample.num_heads == 0
    # A cell of the map for each cell of the values that the image, without its padding, covers.
    stride = network.bbox_head.features.stride
    assert sample.depth_map.shape == (-(-SIZE[1] // stride), -(-SIZE[0] // stride))
    assert np.isfinite(sample.depth_map).all()


def test_closed_tap_leaves_the_network_as_it_was(network):
    NetworkTap(network).close()
    (sample,) = network.test_step(batch())
    assert "pose_samples" not in sample.pred_instances_3d and "center_heat" not in sample
    assert not network.dense_head._forward_hooks and not network.bbox_head.features._forward_hooks


def test_heat_is_the_largest_score_at_its_reference_point(network):
    tap = NetworkTap(network)
    found = network.test_step(batch())
    outputs = tap._dense_outputs
    tap.attach(found)
    tap.close()
    score = outputs.cls_logit[0].sigmoid().max(-1).values * outputs.centerness_logit[0].sigmoid()
    assert found[0].center_heat.max() <= score.max() + 1e-6


def test_other_networks_are_left_alone():
    tap = NetworkTap(nn.Linear(2, 2))
    sample = Det3DDataSample(metainfo=dict(img_shape=(4, 4)))
    tap.attach([sample])
    tap.close()
    assert "center_heat" not in sample


def test_network_of_6_dof_tells_everything_while_the_tap_is_open():
    head = ObjectPoseHead()
    before = head.test_settings
    tap = NetworkTap(nn.Sequential(head))
    assert head.test_settings.return_posterior and head.test_settings.return_correspondences
    tap.attach([ObjectPoseSample()])
    tap.close()
    assert head.test_settings == before
