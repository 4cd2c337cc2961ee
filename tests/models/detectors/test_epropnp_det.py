import pytest
import torch

from epropnp_det.models.batch import Views
from epropnp_det.pnp import LMSolver

NAN = float("nan")
CAR = [2.0, 0.8, 14.0, 4.5, 1.6, 1.9, 0.4, 3.0, -1.0]
PEDESTRIAN = [-3.0, 0.6, 12.0, 0.7, 1.8, 0.6, -1.0, 0.5, 0.5]
FAR = [1.0, 0.5, 90.0, 4.5, 1.6, 1.9, 0.4, 0.0, 0.0]
BEHIND = [0.5, 0.8, -9.0, 4.5, 1.6, 1.9, 0.4, 0.0, 0.0]
AROUND_CAMERA = [0.3, 0.5, 0.5, 4.5, 1.6, 1.9, 0.4, 0.0, 0.0]
INSIDE, ONE_PIXEL, OUTSIDE = [60.0, 30, 120, 90], [100.0, 60, 101, 61], [-90.0, -90, -80, -80]

# Per image: arguments of make_sample.
BATCHES = {
    "two objects": [([CAR, PEDESTRIAN], [0, 7]), ([PEDESTRIAN], [7])],
    "one image without objects": [([], []), ([CAR], [0])],
    "no objects": [([], []), ([], [])],
    "no positive cell": [([FAR], [0], [OUTSIDE]), ([], [])],
    "object behind the camera": [([BEHIND, CAR], [0, 0], [INSIDE, INSIDE]), ([CAR], [0])],
    "nothing but an object behind the camera": [([BEHIND], [0], [INSIDE]), ([], [])],
    "camera inside an object": [([AROUND_CAMERA], [1], [[0.0, 0, 256, 128]]), ([CAR], [0])],
    "box of one pixel": [([FAR], [0], [ONE_PIXEL]), ([CAR], [0])],
    "box of no pixel": [([FAR], [0], [[100.0, 60, 100, 60]]), ([CAR], [0])],
    "one unknown velocity": [([[*CAR[:7], NAN, NAN]], [0]), ([PEDESTRIAN], [7])],
    "unknown velocities": [([[*CAR[:7], NAN, NAN]], [0]), ([[*PEDESTRIAN[:7], NAN, NAN]], [7])],
}
WITHOUT_POSITIVES = ("no objects", "no positive cell")
PER_OBJECT_LOSSES = {
    "loss_centerness",
    "loss_center",
    "loss_bbox",
    "loss_pose",
    "loss_dim",
    "loss_score",
    "loss_reg_pos",
    "loss_reg_orient",
    "loss_velocity",
    "loss_attr",
    "loss_proj",
    "loss_regr",
}
# These have nothing to learn from where velocities are unknown or no box holds a LiDAR point.
EMPTY_TERMS = {
    "unknown velocities": {"loss_velocity"},
    "nothing but an object behind the camera": {"loss_regr"},
}


def images(num: int = 2) -> dict:
    """Images, and LiDAR points on a car and on a pedestrian that each of them shows."""
    centers = torch.tensor([CAR[:3], PEDESTRIAN[:3]]).repeat(40, 1)
    points = [centers + 0.4 * (torch.rand(80, 3) - 0.5) for _ in range(num)]
    return dict(imgs=torch.randn(num, 3, 128, 256), points=points)


@pytest.mark.parametrize("amp", [False, True], ids=["float32", "bfloat16"])
@pytest.mark.parametrize("name", BATCHES)
def test_training_step_is_finite(build, make_sample, name, amp):
    model = build().train()
    dtypes = []
    model.bbox_head.pnp.register_forward_pre_hook(
        lambda _, args: dtypes.extend((args[0].x3d.dtype, torch.is_autocast_cpu_enabled()))
    )
    samples = [make_sample(*image) for image in BATCHES[name]]
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=amp):
        losses = model.loss(images(), samples)
    assert losses.keys() == {"loss_cls", "loss_depth", *PER_OBJECT_LOSSES}
    assert dtypes == [torch.float32, False]
    total, _ = model.parse_losses(losses)
    assert total.isfinite()
    zero = {each for each in PER_OBJECT_LOSSES if losses[each].item() == 0}
    assert zero == (
        PER_OBJECT_LOSSES if name in WITHOUT_POSITIVES else EMPTY_TERMS.get(name, set())
    )
    total.backward()
    # Distributed training waits for the gradient of every parameter, objects or none.
    for parameter_name, parameter in model.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, parameter_name
            assert parameter.grad.isfinite().all(), parameter_name


def test_loss_falls_when_one_image_is_trained_on(build, make_sample):
    model = build().train()
    sample, image = make_sample(*BATCHES["two objects"][0]), images(1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    history = []
    for _ in range(12):
        losses = model.loss(image, [sample])
        total, _ = model.parse_losses(losses)
        optimizer.zero_grad()
        total.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        history.append({name: loss.item() for name, loss in losses.items()})
    for name in ("loss_cls", "loss_dim", "loss_attr"):
        assert history[-1][name] < 0.8 * history[0][name], name


@pytest.mark.parametrize("amp", [False, True], ids=["float32", "bfloat16"])
def test_predictions_are_well_shaped(build, make_sample, amp):
    model = build(test_cfg=dict(score_thr=0.0, max_per_img=20)).eval()
    samples = [make_sample(), make_sample()]
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16, enabled=amp):
        results = model.predict(images(), samples)
    assert len(results) == 2
    for result in results:
        found = result.pred_instances_3d
        assert 0 < len(found) <= 20
        assert found.bboxes_3d.tensor.shape == (len(found), 9)
        assert found.bboxes_3d.tensor.isfinite().all()
        assert found.attr_scores.shape == (len(found), 9)
        assert found.attr_labels.tolist() == found.attr_scores.argmax(1).tolist()
        assert ((found.labels_3d >= 0) & (found.labels_3d < 10)).all()
        assert ((found.scores_3d >= 0) & (found.scores_3d <= 1)).all()
        assert (found.scores_3d.diff() <= 0).all()
        assert len(result.pred_instances) == 0


def test_nothing_above_the_threshold(build, make_sample):
    model = build(test_cfg=dict(score_thr=1.1)).eval()
    with torch.no_grad():
        results = model.predict(images(), [make_sample(), make_sample()])
    for result in results:
        found = result.pred_instances_3d
        assert found.bboxes_3d.tensor.shape == (0, 9)
        assert found.scores_3d.shape == found.labels_3d.shape == found.attr_labels.shape == (0,)
        assert found.attr_scores.shape == (0, 9)


def test_same_seed_same_predictions(build, make_sample):
    model, image = build(test_cfg=dict(score_thr=0.0, max_per_img=20)).eval(), images()
    results = []
    for _ in range(2):
        torch.manual_seed(3)
        with torch.no_grad():
            results.append(model.predict(image, [make_sample(), make_sample()]))
    for one, other in zip(*results, strict=True):
        one, other = one.pred_instances_3d, other.pred_instances_3d
        assert torch.equal(one.bboxes_3d.tensor, other.bboxes_3d.tensor)
        assert torch.equal(one.scores_3d, other.scores_3d)


def test_batch_equals_its_images_one_by_one(build, make_sample, monkeypatch):
    """Apart from the random start of the solver, which a fixed one stands in for here."""
    model, image = build(test_cfg=dict(score_thr=0.0, max_per_img=20)).eval(), images()
    start = torch.tensor([0.0, 1.0, 15.0, 0.0])
    monkeypatch.setattr(
        model.bbox_head.pose_predictor.pnp,
        "solver",
        lambda problem, generator: LMSolver(num_iter=1)(problem, start.repeat(len(problem), 1)),
    )
    with torch.no_grad():
        together = model.predict(image, [make_sample(), make_sample()])
        for i in range(2):
            (alone,) = model.predict(dict(imgs=image["imgs"][i : i + 1]), [make_sample()])
            alone, all_ = alone.pred_instances_3d, together[i].pred_instances_3d
            assert alone.labels_3d.tolist() == all_.labels_3d.tolist()
            tolerance = dict(atol=1e-2, rtol=1e-2)
            torch.testing.assert_close(alone.scores_3d, all_.scores_3d, **tolerance)
            torch.testing.assert_close(alone.bboxes_3d.tensor, all_.bboxes_3d.tensor, **tolerance)


def test_images_are_normalised_and_padded_on_the_way(build, make_sample):
    model = build(test_cfg=dict(score_thr=0.0, max_per_img=5)).eval()
    sample = make_sample(*BATCHES["two objects"][0])
    sample.set_metainfo(dict(img_shape=(120, 250)))
    image = torch.randint(0, 256, (3, 120, 250), dtype=torch.uint8)
    data = dict(inputs=dict(img=[image]), data_samples=[sample])
    seen = []
    model.bbox_head.register_forward_pre_hook(lambda _, args: seen.append((args[0], args[2])))
    with torch.no_grad():
        (result,) = model.test_step(data)
    feats, views = seen[0]
    assert feats[0].shape[-2:] == (16, 32)
    assert isinstance(views, Views)
    assert views.img_size.tolist() == [[250, 120]]
    assert len(result.pred_instances_3d) <= 5


def test_raw_outputs_for_analysis_tools(build):
    model = build().eval()
    with torch.no_grad():
        outputs = model(images(), mode="tensor")
    assert outputs.cls_logit.shape == (2, 16 * 32 + 8 * 16 + 4 * 8 + 2 * 4 + 1 * 2, 10)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("half", [False, True])
def test_training_and_inference_on_a_gpu(build, make_sample, half):
    model = build(test_cfg=dict(score_thr=0.0, max_per_img=20)).cuda()
    model.init_weights()
    batch = dict(imgs=images()["imgs"].cuda())
    samples = [make_sample(*truth).cuda() for truth in BATCHES["two objects"]]
    with torch.autocast("cuda", enabled=half):
        loss = sum(model.loss(batch, samples).values())
    loss.backward()
    assert loss.isfinite()
    with torch.no_grad(), torch.autocast("cuda", enabled=half):
        results = model.eval().predict(batch, samples)
    assert all(len(r.pred_instances_3d) for r in results)
