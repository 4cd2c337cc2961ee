"""Each auxiliary loss against loops, and what it does where there is nothing to learn from."""

import math

import pytest
import torch
from mmcv.ops import roi_align

from epropnp_det.errors import UserError
from epropnp_det.models.batch import AuxiliaryTruth, ImagePoints
from epropnp_det.models.pnp_heads import AuxiliaryHead

HEADS, CHANNELS, SIZE, STRIDE = 2, 8, 3, 8
V2 = dict(
    loss_proj=dict(type="MixtureNLLLoss", delta=2.0, adaptive_weight=True, loss_weight=0.5),
    loss_regr=dict(
        type="CoordinateNLLLoss", sigma=0.2, delta=2.0, adaptive_weight=True, loss_weight=2.5
    ),
    loss_depth=dict(
        type="MixtureNLLLoss", sigma=0.3, delta=0.3, adaptive_weight=True, loss_weight=1.5
    ),
)
V1 = dict(
    loss_proj=dict(type="MixtureNLLLoss", loss_weight=0.5),
    loss_regr=dict(type="CoordinateSmoothL1Loss", beta=0.05, loss_weight=0.25),
)
# Two overlapping boxes, one in another image, one without samples, one at the image's border.
BOXES = [
    [40.0, 20, 140, 100],
    [90.0, 30, 170, 90],
    [20.0, 40, 120, 110],
    [60.0, 60, 80, 70],
    [0.0, 0, 30, 50],
]
IMAGES = [0, 0, 1, 0, 1]
SAMPLED = [0, 1, 2, 1, 4, 0, 0]


def make_head(dtype=torch.float64, **losses) -> AuxiliaryHead:
    head = AuxiliaryHead(CHANNELS, HEADS, STRIDE, SIZE, **losses)
    head.init_weights()
    for parameter in head.parameters():
        if parameter.dim() > 1:
            parameter.data += 0.2 * torch.randn_like(parameter)
    return head.to(dtype)


def make_inputs(toy, dtype=torch.float64, sampled=SAMPLED, num_points: int = 60):
    """Key, value, query, sizes, weights, ground truth and cameras."""
    num, views, objects = len(sampled), toy.views(2, dtype), toy.truth(len(BOXES), dtype)
    # A third of the points lie within an object, the others anywhere.
    points = []
    for image in range(2):
        free = torch.rand(num_points, 3, dtype=dtype) * 10 + torch.tensor([-5.0, -2, 10])
        own = [g for g in range(len(BOXES)) if IMAGES[g] == image]
        within = [objects.pose[g, :3] for g in own] * (num_points // (3 * len(own)))
        within = torch.stack(within) if within else free[:0]
        points.append(torch.cat([free[len(within) :], within + 0.4 * torch.randn_like(within)]))
    # Boxes where the objects are seen, so that points fall into them.
    bboxes = torch.tensor(BOXES, dtype=dtype)
    cam_mats = views.cam_mats[torch.tensor(IMAGES)]
    center = (cam_mats @ objects.pose[:, :3, None]).squeeze(-1)
    center = center[:, :2] / center[:, 2:]
    half = torch.tensor([15.0, 12.0], dtype=dtype)
    seen = torch.cat([center - half, center + half], dim=1)
    bboxes = torch.where(torch.arange(len(BOXES))[:, None] < 3, seen, bboxes)
    limit = views.img_size[0].repeat(2)
    return (
        torch.randn(2, CHANNELS, 16, 32, dtype=dtype),
        torch.randn(2, CHANNELS, 16, 32, dtype=dtype),
        torch.randn(num, HEADS, CHANNELS // HEADS, dtype=dtype),
        0.5 + 3 * torch.rand(num, 3, dtype=dtype),
        0.2 + torch.rand(num, dtype=dtype),
        AuxiliaryTruth(
            objects,
            bboxes.clamp(min=0).minimum(limit),
            torch.tensor(IMAGES),
            torch.tensor(sampled, dtype=torch.long),
            ImagePoints.from_images(points, views),
        ),
        views,
    )


def to_object(pose, point) -> torch.Tensor:
    offset = point - pose[:3]
    cos, sin = pose[3].cos(), pose[3].sin()
    return torch.stack(
        [cos * offset[0] - sin * offset[2], offset[1], sin * offset[0] + cos * offset[2]]
    )


def to_pixel(pose, point, cam_mat, img_size) -> torch.Tensor:
    x, y, z = point
    cos, sin = pose[3].cos(), pose[3].sin()
    moved = torch.stack([cos * x + sin * z, y, cos * z - sin * x]) + pose[:3]
    pixel = (cam_mat @ moved)[:2] / moved[2].clamp(min=0.1)
    return pixel.clamp(min=-200).minimum(img_size + 200)


def huber(r, delta):
    if delta is None or r <= delta:
        return r * r / 2
    return delta * r - delta**2 / 2


class SlowRegions:
    """What the head says of each cell of each region with samples, cell by cell."""

    def __init__(self, head, key, value, query, dims, weight, truth, views) -> None:
        self.gt = sorted(set(truth.gt_ind.tolist()))
        self.boxes = [truth.bboxes[g].tolist() for g in self.gt]
        self.images = [truth.img_ind[g].item() for g in self.gt]
        rois = [[i, *box] for i, box in zip(self.images, self.boxes, strict=True)]
        rois = torch.tensor(rois, dtype=torch.float64)
        key, value = (roi_align(x, rois, SIZE, 1 / STRIDE, 0, "avg", True) for x in (key, value))
        self.x3d, self.log_scale, self.logit = {}, {}, {}
        for r, g in enumerate(self.gt):
            own = [s for s in range(len(weight)) if truth.gt_ind[s] == g]
            total = sum(weight[s] for s in own)
            size = sum(weight[s] / total * dims[s].detach() for s in own)
            for cell in self.cells():
                for h in range(HEADS):
                    part = slice(h * CHANNELS // HEADS, (h + 1) * CHANNELS // HEADS)
                    k, v = (x[(r, part, *cell)] for x in (key, value))
                    output = head.weight[h] @ v + head.bias[h]
                    self.x3d[r, cell, h] = output[:3] * size
                    self.log_scale[r, cell, h] = output[3:]
                    self.logit[r, cell, h] = sum(
                        weight[s] / total * (query[s, h] @ k) / math.sqrt(CHANNELS / HEADS)
                        for s in own
                    )

    @staticmethod
    def cells():
        return [(row, column) for row in range(SIZE) for column in range(SIZE)]

    def grid(self, values) -> torch.Tensor:
        """(R, SIZE, SIZE) of a function of region and cell."""
        rows = [[values(r, cell) for cell in self.cells()] for r in range(len(self.gt))]
        return torch.stack([torch.stack(row) for row in rows]).unflatten(1, (SIZE, SIZE))


def slow_loss_proj(regions, truth, views, overlaps, delta, adaptive) -> torch.Tensor:
    heads = range(HEADS)

    def add(values):
        return overlaps(regions.grid(values), regions.boxes, regions.images)

    norm = add(lambda r, cell: torch.stack([regions.logit[r, cell, h] for h in heads]).logsumexp(0))

    def log_likelihood(r, cell):
        g, image, (x1, y1, x2, y2) = regions.gt[r], regions.images[r], regions.boxes[r]
        pose, size = truth.objects.pose[g], truth.objects.dims[g]
        cam_mat, img_size = views.cam_mats[image], views.img_size[image]
        target = [
            x1 + (cell[1] + 0.5) / SIZE * (x2 - x1),
            y1 + (cell[0] + 0.5) / SIZE * (y2 - y1),
        ]
        target = torch.tensor(target, dtype=torch.float64).clamp(min=0.5).minimum(img_size - 0.5)
        terms = []
        for h in heads:
            s = regions.log_scale[r, cell, h]
            error = to_pixel(pose, regions.x3d[r, cell, h], cam_mat, img_size) - target
            error = error * pose[2] / (0.2 * cam_mat[0, 0] * size.sum() / 3)
            radius = (error * (-s).exp()).square().sum().sqrt()
            log_weight = regions.logit[r, cell, h] - norm[r][cell]
            terms.append(-huber(radius, delta) + log_weight - s.sum())
        return torch.stack(terms).logsumexp(0)

    loss = -add(log_likelihood).mean()
    if not adaptive:
        return 0.5 * loss
    inv_std = 0.0
    for r in range(len(regions.gt)):
        for cell in regions.cells():
            share = torch.stack([regions.logit[r, cell, h] for h in heads]).softmax(0)
            std = torch.stack([(-regions.log_scale[r, cell, h]).exp().mean() for h in heads])
            inv_std += (share @ std).item() / (len(regions.gt) * SIZE**2)
    return 0.5 * loss / (0.9 + 0.1 * inv_std)


def points_by_cell(regions, truth) -> dict:
    """LiDAR points in the object's frame, in the cell of its box that they are seen in."""
    found = {}
    for r, g in enumerate(regions.gt):
        x1, y1, x2, y2 = regions.boxes[r]
        for k in range(len(truth.points.xyz)):
            if truth.points.img_ind[k] != regions.images[r]:
                continue
            local = to_object(truth.objects.pose[g], truth.points.xyz[k])
            u, v = truth.points.pixel[k].tolist()
            if (local.abs() <= truth.objects.dims[g] / 2).all() and x1 <= u <= x2 and y1 <= v <= y2:
                row, column = (v - y1) / (y2 - y1) * SIZE, (u - x1) / (x2 - x1) * SIZE
                cell = min(int(row), SIZE - 1), min(int(column), SIZE - 1)
                found.setdefault((r, cell), []).append(local)
    return found


def slow_loss_regr(regions, truth, version) -> torch.Tensor:
    found = points_by_cell(regions, truth)
    assert len(found) > 3
    total = 0.0
    for (r, cell), points in found.items():
        target = sum(points) / len(points)
        size = truth.objects.dims[regions.gt[r]]
        logits = torch.stack([regions.logit[r, cell, h] for h in range(HEADS)])
        terms = []
        for h, share in enumerate(logits.softmax(0)):
            distance = (regions.x3d[r, cell, h] - target).square().sum().sqrt()
            if version == "v2":
                radius = distance / (size.sum() / 3) / 0.2
                terms.append(share * (-huber(radius, 2.0)).exp() / 0.2**3)
            else:
                x = distance / max(size.tolist())
                terms.append(share * (x * x / 0.1 if x < 0.05 else x - 0.025))
        total = total - sum(terms).log() if version == "v2" else total + sum(terms)
    if version == "v2":
        return 2.5 * total / len(found) / (0.9 + 0.1 / 0.2)
    return 0.25 * total / len(found)


def slow_loss_depth(head, value, truth, views) -> torch.Tensor:
    total, count = 0.0, len(truth.points.xyz)
    for xyz, pixel, image in zip(*truth.points, strict=True):
        column, row = (
            (pixel / STRIDE - 0.5).clamp(min=0).minimum(pixel.new_tensor([31, 15]))
        ).tolist()
        left, top = min(int(column), 30), min(int(row), 14)
        b, a = column - left, row - top
        corner = value[image, :, top : top + 2, left : left + 2]
        hidden = (
            corner * corner.new_tensor([[(1 - a) * (1 - b), (1 - a) * b], [a * (1 - b), a * b]])
        ).sum((1, 2))
        for layer in (0, 2, 4):
            hidden = head.depth_branch[layer].weight @ hidden + head.depth_branch[layer].bias
            hidden = hidden.clamp(min=0) if layer < 4 else hidden
        share = hidden[1::2].softmax(0)
        cam_mat = views.cam_mats[image]
        zoom = (cam_mat[0, 0] + cam_mat[1, 1]) / 2 / 1260
        terms = []
        for mode in range(4):
            radius = ((15 + 15 * hidden[2 * mode]) * zoom - xyz[2]).abs() / 0.3
            terms.append(share[mode].log() - huber(radius, 0.3) - math.log(0.3))
        total = total - torch.stack(terms).logsumexp(0)
    return 1.5 * total / count / (0.9 + 0.1 / 0.3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("version", ["v2", "v1"])
def test_losses_and_their_gradients_agree_with_loops(toy, slow_overlaps, version, dtype):
    settings = V2 if version == "v2" else V1
    head = make_head(**settings)
    inputs = make_inputs(toy)
    key, value, query, _, _, truth, views = inputs
    leaves = [x.requires_grad_() for x in (key, value, query, head.weight, head.bias)]
    regions = SlowRegions(head, *inputs)
    delta = 2.0 if version == "v2" else None
    expected = dict(
        loss_proj=slow_loss_proj(
            regions, truth, views, slow_overlaps, delta, adaptive=version == "v2"
        ),
        loss_regr=slow_loss_regr(regions, truth, version),
    )
    if version == "v2":
        expected["loss_depth"] = slow_loss_depth(head, value, truth, views)
    theirs = {
        name: torch.autograd.grad(loss, leaves, allow_unused=True, retain_graph=True)
        for name, loss in expected.items()
    }

    head.to(dtype)
    key, value, query = (x.detach().to(dtype).requires_grad_() for x in (key, value, query))
    leaves = [key, value, query, head.weight, head.bias]
    losses = head.loss(key, value, query, *(cast(x, dtype) for x in inputs[3:]))
    assert losses.keys() == expected.keys()
    # mmdet adds the epsilon of single precision to a number of points.
    tolerance = 1e-6 if dtype == torch.float64 else 1e-3
    for name, loss in losses.items():
        assert loss.dtype == dtype
        assert loss.item() == pytest.approx(expected[name].item(), rel=tolerance), name
        ours = torch.autograd.grad(loss, leaves, allow_unused=True, retain_graph=True)
        for one, other in zip(ours, theirs[name], strict=True):
            one, other = (torch.zeros(()) if x is None else x.double() for x in (one, other))
            assert (one - other).abs().max() <= tolerance * (1 + other.abs().max()), name


def cast(record, dtype):
    """Tensors, or named tuples of them, in another precision."""
    if isinstance(record, torch.Tensor):
        return record.detach().to(dtype if record.is_floating_point() else record.dtype)
    return type(record)(*(cast(x, dtype) for x in record))


@pytest.mark.parametrize("settings", [V2, V1], ids=["v2", "v1"])
def test_gradient(toy, settings):
    head = make_head(**settings).eval()
    key, value, query, *rest = make_inputs(toy, num_points=6)
    inputs = [x.requires_grad_() for x in (key[:, :, :4, :4], value[:, :, :4, :4], query)]
    assert torch.autograd.gradcheck(
        lambda *x: tuple(head.loss(*x, *rest).values()), inputs, fast_mode=True
    )


def test_predicted_sizes_get_no_gradient(toy):
    inputs = list(make_inputs(toy))
    inputs[3].requires_grad_()
    losses = make_head(**V2).loss(*inputs)
    assert torch.autograd.grad(losses["loss_proj"], inputs[3], allow_unused=True) == (None,)


def drop_points(truth: AuxiliaryTruth) -> AuxiliaryTruth:
    return truth._replace(points=ImagePoints(*(x[:0] for x in truth.points)))


@pytest.mark.parametrize("settings", [V2, V1], ids=["v2", "v1"])
@pytest.mark.parametrize("missing", ["samples", "points", "both", "extent of the boxes"])
def test_nothing_to_learn_from_is_no_loss_and_no_gradient(toy, settings, missing):
    head = make_head(**settings)
    sampled = [] if missing in ("samples", "both") else SAMPLED
    *inputs, truth, views = make_inputs(toy, sampled=sampled)
    if missing in ("points", "both"):
        truth = drop_points(truth)
    if missing == "extent of the boxes":
        truth = truth._replace(bboxes=truth.bboxes[:, [0, 1, 0, 1]])
    losses = head.loss(*inputs, truth, views)
    assert losses.keys() == settings.keys()
    absent = {
        "samples": {"loss_proj", "loss_regr"},
        "points": {"loss_regr", "loss_depth"},
        "both": set(settings),
        "extent of the boxes": {"loss_proj", "loss_regr"},
    }[missing]
    for name, loss in losses.items():
        assert loss.isfinite()
        assert (loss.item() == 0) == (name in absent), name
    # Distributed training waits for the gradient of every parameter.
    sum(losses.values()).backward()
    for name, parameter in head.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name
    if missing == "both":
        assert all(parameter.grad.abs().max() == 0 for parameter in head.parameters())


def test_one_object_in_one_image(toy):
    head = make_head(**V1)
    key, value, query, dims, weight, truth, views = make_inputs(toy, sampled=[2])
    together = head.loss(key, value, query, dims, weight, truth, views)
    own = truth.points.img_ind == 1
    points = truth.points._replace(img_ind=truth.points.img_ind - 1)
    alone = head.loss(
        key[1:],
        value[1:],
        query,
        dims,
        weight,
        AuxiliaryTruth(
            truth.objects.take(torch.tensor([2])),
            truth.bboxes[2:3],
            torch.tensor([0]),
            torch.tensor([0]),
            ImagePoints(*(x[own] for x in points)),
        ),
        type(views)(*(x[1:] for x in views)),
    )
    for name, loss in alone.items():
        torch.testing.assert_close(loss, together[name])


@pytest.mark.parametrize("name", ["loss_proj", "loss_regr", "loss_depth"])
def test_each_loss_can_stand_alone(toy, name):
    head = make_head(**{name: V2[name]})
    inputs = make_inputs(toy)
    assert head.loss(*inputs).keys() == {name}
    owned = {key.split(".")[0] for key in head.state_dict()}
    assert owned == {"weight", "bias", name} | ({"depth_branch"} if name == "loss_depth" else set())


@pytest.mark.parametrize("name", ["loss_regr", "loss_depth"])
def test_absent_points_are_named(toy, name):
    *inputs, truth, views = make_inputs(toy)
    with pytest.raises(UserError, match="add LoadCameraLidarPoints before Pack3DDetInputs"):
        make_head(**{name: V2[name]}).loss(*inputs, truth._replace(points=None), views)
    head = make_head(loss_proj=V2["loss_proj"])
    assert head.loss(*inputs, truth._replace(points=None), views)["loss_proj"].isfinite()


def test_autocast_leaves_the_losses_in_single_precision(toy):
    head, inputs = make_head(torch.float32, **V2), make_inputs(toy, torch.float32)
    expected = head.eval().loss(*inputs)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        losses = head.loss(*(x.bfloat16() for x in inputs[:3]), *inputs[3:])
    for name, loss in losses.items():
        assert loss.dtype == torch.float32
        assert loss.item() == pytest.approx(expected[name].item(), rel=0.1, abs=0.1)


def test_coordinates_start_on_a_sphere_and_scales_at_one():
    head = AuxiliaryHead(**V2)
    head.init_weights()
    torch.testing.assert_close(head.bias[:, :3].norm(dim=1), torch.full((8,), 0.5))
    assert head.bias[:, 3:].abs().max() == 0
    assert head.weight.std().item() == pytest.approx(0.01, rel=0.1)
