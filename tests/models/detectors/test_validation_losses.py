import pytest
import torch
from mmdet3d.structures import Det3DDataSample
from mmengine.structures import BaseDataElement

CAR = [2.0, 0.8, 14.0, 4.5, 1.6, 1.9, 0.4, 3.0, -1.0]


@pytest.fixture
def model(build):
    return build(test_cfg=dict(score_thr=0.0, max_per_img=5)).eval()


def batch(*samples: Det3DDataSample) -> dict:
    images = [torch.randint(0, 256, (3, 128, 256), dtype=torch.uint8) for _ in samples]
    points = [torch.randn(50, 3) + torch.tensor([0.0, 0.0, 14.0]) for _ in samples]
    return dict(inputs=dict(img=images, points=points), data_samples=list(samples))


def test_losses_come_after_the_predictions(model, make_sample):
    data = batch(make_sample([CAR], [0]), make_sample())
    state = {name: value.clone() for name, value in model.state_dict().items()}
    with torch.no_grad():
        *results, losses = model.val_step(data)
    assert [type(result) for result in results] == [Det3DDataSample] * 2
    assert all(len(result.pred_instances_3d) > 0 for result in results)
    assert type(losses) is BaseDataElement
    # What mmengine's ValLoop asks for.
    assert losses.keys() == ["loss"]
    assert {"loss_cls", "loss_pose"} <= losses.loss.keys()
    assert all(loss.isfinite() and loss.numel() == 1 for loss in losses.loss.values())
    # Neither a running mean nor a parameter was touched.
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())


def test_no_losses_without_ground_truth(model, make_sample):
    sample = make_sample()
    # As Pack3DDetInputs leaves it where there are no annotations.
    del sample.gt_instances_3d.bboxes_3d, sample.gt_instances_3d.labels_3d
    with torch.no_grad():
        results = model.val_step(batch(sample))
    assert [type(result) for result in results] == [Det3DDataSample]
