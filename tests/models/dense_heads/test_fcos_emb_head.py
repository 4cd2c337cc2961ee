import math

import pytest
import torch
from mmengine.structures import InstanceData

from epropnp_det.models.dense_heads import FCOSEmbHead
from epropnp_det.models.dense_heads.fcos_emb_head import DenseOutputs, DenseTargets

STRIDES = (8, 16, 32, 64, 128)
SIZES = ((4, 8), (2, 4), (1, 2), (1, 1), (1, 1))
NUM_CELLS = sum(h * w for h, w in SIZES)
CLASSES = 3
GIOU = dict(type="mmdet.GIoULoss", loss_weight=0.5)


@pytest.fixture
def make_head():
    def make(dtype=torch.float32, **settings) -> FCOSEmbHead:
        settings = dict(
            dict(
                num_classes=CLASSES,
                in_channels=8,
                feat_channels=8,
                emb_channels=8,
                centerness_channels=8,
                norm_cfg=dict(type="GN", num_groups=2),
            ),
            **settings,
        )
        head = FCOSEmbHead(**settings)
        head.init_weights()
        return head.to(dtype)

    return make


def make_feats(batch: int = 2, dtype=torch.float32) -> list[torch.Tensor]:
    return [torch.randn(batch, 8, *size, dtype=dtype) for size in SIZES]


def cell_centers() -> list[tuple[float, float, int]]:
    """u, v and stride of all cells: levels in order, rows, columns."""
    return [
        ((column + 0.5) * stride, (row + 0.5) * stride, stride)
        for stride, (height, width) in zip(STRIDES, SIZES, strict=True)
        for row in range(height)
        for column in range(width)
    ]


def make_outputs(batch: int = 2, num_centers: int = CLASSES, dtype=torch.float64) -> DenseOutputs:
    return DenseOutputs(
        cls_logit=torch.randn(batch, NUM_CELLS, CLASSES, dtype=dtype),
        centerness_logit=torch.randn(batch, NUM_CELLS, dtype=dtype),
        center=torch.rand(batch, NUM_CELLS, num_centers, 2, dtype=dtype) * 64,
        embedding=torch.randn(batch, NUM_CELLS, 8, dtype=dtype),
        stride=torch.tensor([c[2] for c in cell_centers()]).to(dtype).repeat(batch, 1),
        boxes=torch.rand(batch, NUM_CELLS, 4, dtype=dtype) * 30
        + torch.tensor([0.0, 0, 30, 30], dtype=dtype),
    )


def make_targets(dtype=torch.float64) -> DenseTargets:
    """Two images, three objects, six positive cells; object 2 is smaller than a pixel."""
    gt_ind = torch.full((2, NUM_CELLS), -1)
    gt_ind[0, [0, 1, 9]] = torch.tensor([0, 0, 1])
    gt_ind[1, [3, 33, 40]] = 2
    centerness = torch.where(gt_ind >= 0, 0.1 + 0.9 * torch.rand(gt_ind.shape), 0.0)
    return DenseTargets(
        gt_ind,
        centerness.to(dtype),
        torch.tensor([1, 0, 2]),
        torch.tensor([[0.0, 0, 30, 20], [5.0, 8, 50, 30], [3.0, 3, 3.5, 3.2]], dtype=dtype),
        torch.tensor([[14.0, 11], [25.0, 18], [3.2, 3.1]], dtype=dtype),
    )


def smooth_l1(x: torch.Tensor) -> torch.Tensor:
    return 0.5 * x * x if abs(x) < 1 else abs(x) - 0.5


def giou(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Generalised IoU of two boxes (arXiv 1902.09630)."""

    def area(x1, y1, x2, y2):
        return max(x2 - x1, 0 * x1) * max(y2 - y1, 0 * y1)

    lower, upper = torch.minimum(one, other), torch.maximum(one, other)
    inner = area(upper[0], upper[1], lower[2], lower[3])
    union = area(*one) + area(*other) - inner
    hull = area(lower[0], lower[1], upper[2], upper[3])
    return inner / union - (hull - union) / hull


def log_sigmoid(x: torch.Tensor) -> torch.Tensor:
    return -torch.log1p((-x).exp())


def slow_losses(outputs: DenseOutputs, targets: DenseTargets) -> dict[str, torch.Tensor]:
    """Cell by cell."""
    cls, centerness, center, box, sum_weight, num_pos = 0.0, 0.0, 0.0, 0.0, 0.0, 0
    for b in range(len(outputs.stride)):
        for p in range(NUM_CELLS):
            gt = targets.gt_ind[b, p].item()
            label = targets.labels[gt].item() if gt >= 0 else -1
            for c in range(CLASSES):
                logit = outputs.cls_logit[b, p, c]
                if c == label:
                    cls -= 0.25 * (1 - logit.sigmoid()) ** 2 * log_sigmoid(logit)
                else:
                    cls -= 0.75 * logit.sigmoid() ** 2 * log_sigmoid(-logit)
            if gt < 0:
                continue
            num_pos += 1
            target = targets.centerness[b, p]
            logit = outputs.centerness_logit[b, p]
            centerness -= target * log_sigmoid(logit) + (1 - target) * log_sigmoid(-logit)
            sum_weight += target
            box += target * (1 - giou(outputs.boxes[b, p], targets.boxes[gt]))
            x1, y1, x2, y2 = targets.boxes[gt]
            predicted = outputs.center[b, p, min(label, outputs.center.shape[2] - 1)]
            for axis, size in enumerate((x2 - x1, y2 - y1)):
                error = predicted[axis] - targets.centers[gt, axis]
                center += target * smooth_l1(error / (0.2 * (size + 4)))
    num_pos = max(num_pos, 1)
    return dict(
        loss_cls=cls / num_pos,
        loss_centerness=centerness / num_pos,
        loss_center=center / (2 * sum_weight),
        loss_bbox=0.5 * box / sum_weight,
    )


def single(record):
    """A copy in single precision, with its own leaves of the gradient."""
    return type(record)(*(x.detach().float() if x.is_floating_point() else x for x in record))


@pytest.mark.parametrize("num_centers", [CLASSES, 1])
def test_losses_and_their_gradients_agree_with_loops(make_head, num_centers):
    exact, targets = make_outputs(num_centers=num_centers), make_targets()
    outputs = single(exact)
    leaves, exact_leaves = (
        [x.requires_grad_() for x in (*each[:3], each.boxes)] for each in (outputs, exact)
    )
    expected = slow_losses(exact, targets)
    head = make_head(center_per_class=num_centers > 1, loss_bbox=GIOU)
    losses = head.loss(outputs, single(targets))
    assert losses.keys() == expected.keys()
    for name, loss in losses.items():
        assert loss.item() == pytest.approx(expected[name].item(), rel=1e-5)
        ours = torch.autograd.grad(loss, leaves, allow_unused=True, retain_graph=True)
        theirs = torch.autograd.grad(
            expected[name], exact_leaves, allow_unused=True, retain_graph=True
        )
        for one, other in zip(ours, theirs, strict=True):
            one, other = (torch.zeros(()) if x is None else x for x in (one, other))
            assert (one - other).abs().max() < 1e-5


def test_losses_of_a_batch_without_positives(make_head):
    head = make_head(loss_bbox=GIOU)
    outputs = make_outputs()
    leaves = [x.requires_grad_() for x in (*outputs[:3], outputs.boxes)]
    none = torch.zeros(0, 4)
    targets = DenseTargets(
        torch.full((2, NUM_CELLS), -1),
        torch.zeros(2, NUM_CELLS),
        torch.zeros(0, dtype=torch.long),
        none,
        none[:, :2],
    )
    losses = head.loss(outputs, targets)
    assert all(losses[f"loss_{name}"].item() == 0 for name in ("centerness", "center", "bbox"))
    sum(losses.values()).backward()
    # Present, because every process must take part in the reduction, and zero.
    assert all(leaf.grad.abs().max() == 0 for leaf in leaves[1:])
    assert leaves[0].grad.isfinite().all() and leaves[0].grad.abs().min() > 0


def test_extreme_logits_have_finite_losses(make_head):
    outputs = make_outputs(dtype=torch.float32)
    outputs = outputs._replace(
        cls_logit=outputs.cls_logit * 1e4, centerness_logit=outputs.centerness_logit * 1e4
    )
    targets = make_targets(torch.float32)
    assert all(loss.isfinite() for loss in make_head().loss(outputs, targets).values())


def test_outputs_are_in_cell_order(make_head):
    head = make_head()
    torch.nn.init.zeros_(head.conv_center.weight)
    torch.nn.init.zeros_(head.conv_center.bias)
    outputs = head(make_feats())
    cells = torch.tensor(cell_centers())
    torch.testing.assert_close(outputs.stride, cells[:, 2].expand(2, -1))
    torch.testing.assert_close(outputs.center, cells[:, None, :2].expand(2, -1, CLASSES, -1))
    assert outputs.cls_logit.shape == (2, NUM_CELLS, CLASSES)
    assert outputs.centerness_logit.shape == (2, NUM_CELLS)
    assert outputs.embedding.shape == (2, NUM_CELLS, 8)


def test_reference_points_move_by_strides(make_head):
    head = make_head()
    torch.nn.init.zeros_(head.conv_center.weight)
    offsets = torch.tensor([[0.5, -1.0], [0.0, 2.0], [1.5, 0.0]])
    head.conv_center.bias.data = offsets.flatten()
    center = head(make_feats()).center
    for p, (u, v, stride) in enumerate(cell_centers()):
        for c, (du, dv) in enumerate(offsets.tolist()):
            assert center[1, p, c].tolist() == [u + du * stride, v + dv * stride]


def test_boxes_grow_from_the_cells_by_strides(make_head):
    head = make_head(loss_bbox=GIOU)
    torch.nn.init.zeros_(head.conv_box.weight)
    head.conv_box.bias.data = torch.tensor([1.0, 0.5, 2.0, -3.0])
    boxes = head(make_feats(), for_loss=True).boxes
    for p, (u, v, stride) in enumerate(cell_centers()):
        assert boxes[1, p].tolist() == [u - stride, v - 0.5 * stride, u + 2 * stride, v]


def test_boxes_cost_nothing_where_no_loss_looks_at_them(make_head):
    head = make_head(loss_bbox=GIOU)
    head.box_branch.register_forward_hook(lambda *_: pytest.fail("evaluated"))
    feats = make_feats()
    assert head(feats).boxes.shape == (2, NUM_CELLS, 0)
    plain = make_head()
    assert plain(feats, for_loss=True).boxes.shape == (2, NUM_CELLS, 0)
    assert not any("box" in name for name in plain.state_dict())
    assert "loss_bbox" not in plain.loss(make_outputs(), make_targets())


def test_finest_levels_can_be_left_out(make_head):
    head = make_head()
    feats = make_feats()
    gt = InstanceData(bboxes=torch.zeros(0, 4), labels=torch.zeros(0, dtype=torch.long))

    def assigned(feats):
        sizes = [x.shape[-2:] for x in feats]
        return head.get_targets(sizes, [gt], [torch.zeros(0, 7)], torch.eye(3)[None]).gt_ind

    outputs, num_cells = head(feats), assigned(feats).shape[1]
    head.start_level = 1
    finer = [torch.randn(2, feats[0].shape[1], 16, 32), *feats]
    for ours, expected in zip(head(finer), outputs, strict=True):
        torch.testing.assert_close(ours, expected, rtol=0, atol=0)
    assert assigned(finer).shape[1] == num_cells == NUM_CELLS


def test_maps_of_a_level_reach_its_cells_alone(make_head):
    head = make_head(stacked_convs=1, dcn_on_last_conv=False)
    feats = make_feats()
    before = head(feats)
    feats[1] = torch.randn_like(feats[1])
    changed = (head(feats).cls_logit - before.cls_logit).abs().amax((0, 2)) > 0
    assert changed.nonzero().flatten().tolist() == list(range(32, 40))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_batch_equals_its_images_one_by_one(make_head, dtype):
    head, feats = make_head(dtype), make_feats(3, dtype)
    together = head(feats)
    assert together.center.dtype == torch.float32  # pixels, whatever the network computes in
    for i in range(3):
        for alone, all_ in zip(head([x[i : i + 1] for x in feats]), together, strict=True):
            torch.testing.assert_close(alone[0], all_[i])


def test_no_images(make_head):
    outputs = make_head(dcn_on_last_conv=False)(make_feats(0))
    assert outputs.center.shape == (0, NUM_CELLS, CLASSES, 2)


def test_number_of_levels_must_fit(make_head):
    with pytest.raises(ValueError, match="3 feature maps, but 5 strides"):
        make_head()(make_feats()[:3])


def test_autocast_keeps_reference_points(make_head):
    # bfloat16 tells pixels apart only within the first 256, float16 within the first 2048.
    head = make_head(stacked_convs=1, dcn_on_last_conv=False)
    torch.nn.init.zeros_(head.conv_center.weight)
    torch.nn.init.zeros_(head.conv_center.bias)
    feats = [torch.randn(1, 8, 1, math.ceil(1600 / s)).bfloat16() for s in STRIDES]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        center = head(feats).center[0, :200, 0, 0]
    torch.testing.assert_close(center.float(), (torch.arange(200) + 0.5) * 8)


def test_targets_number_the_objects_of_a_batch(make_head):
    head = make_head()
    centers = [
        torch.tensor([[12.0, 12.0], [52.0, 20.0]]),
        torch.zeros(0, 2),
        torch.tensor([[12.0, 12.0]]),
    ]
    boxes = [torch.cat([c - 6, c + 6], -1) for c in centers]
    labels = [torch.tensor([2, 0]), torch.zeros(0, dtype=torch.long), torch.tensor([1])]
    gts = [InstanceData(bboxes=b, labels=n) for b, n in zip(boxes, labels, strict=True)]
    # Far away along the ray of the centre: the volume's centre is the box's.
    boxes_3d = [
        torch.cat(
            [
                (c - 32) * 10,
                c.new_full((len(c), 1), 1000),
                c.new_full((len(c), 3), 4),
                c[:, :1] * 0,
            ],
            -1,
        )
        for c in centers
    ]
    cam_mats = torch.tensor([[100.0, 0, 32], [0, 100, 32], [0, 0, 1]]).repeat(3, 1, 1)
    targets = head.get_targets(SIZES, gts, boxes_3d, cam_mats)
    assert targets.gt_ind.shape == targets.centerness.shape == (3, NUM_CELLS)
    assert targets.labels.tolist() == [2, 0, 1]
    torch.testing.assert_close(targets.centers, torch.cat(centers), atol=0.3, rtol=0)
    assert targets.gt_ind[0, 9] == 0  # row 1, column 1
    assert targets.gt_ind[0, 2 * 8 + 6] == 1
    assert targets.gt_ind[1].max() == -1
    assert targets.gt_ind[2, 9] == 2
    assert ((targets.centerness > 0) == (targets.gt_ind >= 0)).all()
    for i in range(3):
        alone = head.get_targets(SIZES, gts[i : i + 1], boxes_3d[i : i + 1], cam_mats[i : i + 1])
        torch.testing.assert_close(alone.centerness[0], targets.centerness[i])
        assert ((alone.gt_ind[0] >= 0) == (targets.gt_ind[i] >= 0)).all()


def test_samples_are_positives_of_their_box(make_head):
    head = make_head(train_cfg=dict(samples_per_img=10))
    outputs, targets = make_outputs(), make_targets()
    objects, gt_ind, samples = head.sample(outputs, targets)
    assert len(objects) == len(gt_ind) == len(samples) == 20
    positives = (targets.gt_ind >= 0).nonzero().tolist()
    for i in range(20):
        image, cell = positives[samples.index[i]]
        label = targets.labels[gt_ind[i]].item()
        assert targets.gt_ind[image, cell] == gt_ind[i]
        assert objects.img_ind[i] == image
        assert objects.label[i] == label
        assert objects.stride[i] == outputs.stride[image, cell]
        assert objects.center[i].tolist() == outputs.center[image, cell, label].tolist()
        assert objects.embedding[i].tolist() == outputs.embedding[image, cell].tolist()
    assert sorted(set(gt_ind.tolist())) == [0, 1, 2]


def test_sampled_objects_carry_the_gradient(make_head):
    outputs, targets = make_outputs(), make_targets()
    for x in (outputs.center, outputs.embedding):
        x.requires_grad_()
    objects, _, _ = make_head().sample(outputs, targets)
    (objects.center.sum() + objects.embedding.sum()).backward()
    positive = targets.gt_ind >= 0
    assert (outputs.embedding.grad.abs().amax(-1) > 0).tolist() == positive.tolist()


def test_nothing_to_sample(make_head):
    targets = make_targets()
    targets = targets._replace(gt_ind=torch.full_like(targets.gt_ind, -1))
    objects, gt_ind, samples = make_head().sample(make_outputs(), targets)
    assert len(objects) == len(gt_ind) == len(samples) == 0
    assert objects.center.shape == (0, 2)
    assert objects.embedding.shape == (0, 8)


def slow_selection(outputs: DenseOutputs, score_thr: float, max_per_img: int):
    """(image, cell, class) of all selected objects, in order."""
    selected = []
    for b in range(len(outputs.stride)):
        found = []
        for p in range(NUM_CELLS):
            centerness = outputs.centerness_logit[b, p].sigmoid().item()
            for c in range(CLASSES):
                score = outputs.cls_logit[b, p, c].sigmoid().item() * centerness
                if score >= score_thr:
                    found.append((score, b, p, c))
        selected += [key for _, *key in sorted(found, reverse=True)[:max_per_img]]
    return selected


@pytest.mark.parametrize("num_centers", [CLASSES, 1])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("score_thr, max_per_img", [(0.4, 100), (0.2, 7), (0.0, 10_000)])
def test_selection_agrees_with_loops(make_head, num_centers, dtype, score_thr, max_per_img):
    head = make_head(
        center_per_class=num_centers > 1,
        test_cfg=dict(score_thr=score_thr, max_per_img=max_per_img),
    )
    outputs = make_outputs(3, num_centers, dtype)
    objects = head.select(outputs)
    expected = slow_selection(outputs, score_thr, max_per_img)
    assert len(objects) == len(expected) > 5
    for i, (image, cell, label) in enumerate(expected):
        assert objects.img_ind[i] == image
        assert objects.label[i] == label
        assert objects.stride[i] == outputs.stride[image, cell]
        assert objects.embedding[i].tolist() == outputs.embedding[image, cell].tolist()
        center = outputs.center[image, cell, label if num_centers > 1 else 0]
        assert objects.center[i].tolist() == center.tolist()
        score = outputs.cls_logit[image, cell, label].sigmoid()
        torch.testing.assert_close(objects.score[i], score, check_dtype=False)


def test_nothing_above_the_threshold(make_head):
    objects = make_head(test_cfg=dict(score_thr=1.1)).select(make_outputs())
    assert len(objects) == 0
    assert objects.center.shape == (0, 2)


def test_every_side_of_a_box_starts_with_a_gradient(make_head):
    boxes = make_head(loss_bbox=GIOU)(make_feats(), for_loss=True).boxes
    cells = torch.tensor(cell_centers())[:, :2]
    assert (boxes[..., :2] < cells).all() and (boxes[..., 2:] > cells).all()


def test_class_scores_start_low(make_head):
    head = make_head()
    assert torch.allclose(head.conv_cls.bias.sigmoid(), torch.tensor(0.01))
