import math
from copy import deepcopy
from dataclasses import replace

import pytest
import torch

from epropnp_det.models.objects import ObjectQueries
from epropnp_det.models.pnp_heads.deformable_sampler import DeformableSampler

CHANNELS, HEADS, POINTS, STRIDE = 8, 2, 3, 8
HEIGHT, WIDTH = 4, 6
# Cells of each image, across and down; the rest of the map is padding.
CELLS = ((6, 4), (5, 3), (6, 2))


def make(clamp: bool = False) -> DeformableSampler:
    module = DeformableSampler(
        CHANNELS, HEADS, POINTS, STRIDE, feedforward_channels=10, clamp=clamp
    )
    module.eval()
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return module


def make_objects(img_ind: list[int]) -> ObjectQueries:
    num = len(img_ind)
    size = torch.tensor([WIDTH, HEIGHT]) * STRIDE
    return ObjectQueries(
        embedding=torch.randn(num, CHANNELS),
        center=(torch.rand(num, 2) * 1.4 - 0.2) * size,
        stride=torch.tensor([8.0, 16.0, 8.0, 32.0]).repeat(num)[:num],
        label=torch.zeros(num, dtype=torch.long),
        img_ind=torch.tensor(img_ind, dtype=torch.long),
        score=torch.ones(num),
    )


def make_inputs(img_ind: list[int]):
    objects = make_objects(img_ind)
    maps = (torch.randn(3, CHANNELS, HEIGHT, WIDTH) for _ in range(2))
    query = torch.randn(len(img_ind), CHANNELS)
    img_size = torch.tensor(CELLS) * STRIDE
    return query, objects.embedding, objects, img_size, *maps


def fade(index: torch.Tensor, cells: int, clamp: bool) -> torch.Tensor:
    """0 up to the first cell's centre, 1 a cell later, until it falls to 0 within the last cell.

    With clamping: how much of the two nearest cells, in a bilinear sense, belongs to the image.
    """
    if clamp:
        nearest = (index.floor(), index.floor() + 1)
        return sum((1 - (index - i).abs()) * (0 <= i < cells) for i in nearest)
    if index <= 0 or index >= cells:
        return 0 * index
    return min(index, cells - index, 1 + 0 * index)


def bilinear(
    image: torch.Tensor, cells: tuple[int, int], point: torch.Tensor, clamp: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """A value (border padding), and the point's share in the image (see `fade`)."""
    x, y = point / STRIDE - 0.5
    value, share = 0.0, fade(x, cells[0], clamp) * fade(y, cells[1], clamp)
    for i in (math.floor(x), math.floor(x) + 1):
        for j in (math.floor(y), math.floor(y) + 1):
            weight = (1 - abs(x - i)) * (1 - abs(y - j))
            column, row = min(max(i, 0), WIDTH - 1), min(max(j, 0), HEIGHT - 1)
            value = value + weight * image[:, row, column]
    return value, share


def layer_norm(x: torch.Tensor, norm) -> torch.Tensor:
    x = x - x.mean()
    return x / (x.square().mean() + 1e-5).sqrt() * norm.weight + norm.bias


def slow_sampler(module, query, embedding, objects, _, key_map, value_map, index: int):
    """One object, head by head and point by point."""
    dims, image = CHANNELS // HEADS, objects.img_ind[index]
    offsets = module.sampling_offsets.weight @ embedding[index] + module.sampling_offsets.bias
    x2d = objects.center[index] + offsets.view(HEADS, POINTS, 2) * objects.stride[index]
    values, masks, attended = [], [], []
    for head in range(HEADS):
        channels = slice(head * dims, (head + 1) * dims)
        logits, head_values, head_masks = [], [], []
        for point in x2d[head]:
            key, mask = bilinear(key_map[image, channels], CELLS[image], point, module.clamp)
            value, _ = bilinear(value_map[image, channels], CELLS[image], point, module.clamp)
            logits.append(query[index, channels] @ key / math.sqrt(dims))
            head_values.append(value)
            head_masks.append(mask)
        share = torch.stack(logits).softmax(0)
        attended.append(
            sum(s * m * x for s, m, x in zip(share, head_masks, head_values, strict=True))
        )
        values.append(torch.stack(head_values))
        masks += head_masks
    mixed = module.out_proj.weight @ torch.cat(attended) + module.out_proj.bias
    out = layer_norm(embedding[index] + mixed, module.attn_norm)
    first, second = module.ffn.layers[0][0], module.ffn.layers[1]
    hidden = (first.weight @ out + first.bias).clamp(min=0)
    out = layer_norm(out + second.weight @ hidden + second.bias, module.ffn_norm)
    x2d = x2d.flatten(0, 1)
    if module.clamp:
        axes = [
            x.clamp(STRIDE * 0.5, STRIDE * (num - 0.5))
            for x, num in zip(x2d.unbind(-1), CELLS[image], strict=True)
        ]
        x2d = torch.stack(axes, dim=-1)
    return out, torch.stack(values), x2d, torch.stack(masks)


def leaves(inputs, dtype) -> list[torch.Tensor]:
    """Copies of all that carries a gradient: query, embedding, reference points and maps."""
    query, embedding, objects, _, *maps = inputs
    return [
        x.detach().to(dtype).requires_grad_() for x in (query, embedding, objects.center, *maps)
    ]


def with_leaves(inputs, leaves):
    query, embedding, center, *maps = leaves
    return query, embedding, replace(inputs[2], center=center), inputs[3], *maps


@pytest.mark.parametrize("clamp", [False, True])
def test_values_and_gradients_agree_with_the_design_point_by_point(clamp):
    # Positions are in single precision whatever the network computes in.
    module, inputs = make(clamp), make_inputs([2, 0, 0, 2, 1])
    ours, exact = leaves(inputs, torch.float32), leaves(inputs, torch.float64)
    points = module(*with_leaves(inputs, ours))
    assert 0 < ((points.mask > 0) & (points.mask < 1)).sum() < points.mask.numel()
    torch.testing.assert_close(points.query.flatten(1), inputs[0])

    slow_module = deepcopy(module).double()
    expected = [slow_sampler(slow_module, *with_leaves(inputs, exact), index) for index in range(5)]
    expected = [torch.stack(field) for field in zip(*expected, strict=True)]
    total, expected_total = 0.0, 0.0
    for name, slow in zip(("embedding", "value", "x2d", "mask"), expected, strict=True):
        fast = getattr(points, name)
        torch.testing.assert_close(fast.double(), slow, atol=2e-4, rtol=1e-4)
        direction = torch.randn(slow.shape)
        total = total + (fast * direction).sum()
        expected_total = expected_total + (slow * direction).sum()
    gradients = torch.autograd.grad(total, ours)
    for one, other in zip(gradients, torch.autograd.grad(expected_total, exact), strict=True):
        assert other.abs().max() > 0
        assert (one - other).abs().max() < 1e-4 * other.abs().max()


def test_batch_equals_its_objects_one_by_one():
    module = make()
    query, embedding, objects, *maps = make_inputs([2, 0, 0, 1])
    together = module(query, embedding, objects, *maps)
    for i in range(4):
        one = slice(i, i + 1)
        single = ObjectQueries(**{name: field[one] for name, field in vars(objects).items()})
        image = slice(objects.img_ind[i], objects.img_ind[i] + 1)
        single = replace(single, img_ind=torch.zeros(1, dtype=torch.long))
        alone = module(query[one], embedding[one], single, *(m[image] for m in maps))
        for ours, theirs in zip(alone, together, strict=True):
            torch.testing.assert_close(ours[0], theirs[i])


def test_no_objects():
    points = make()(*make_inputs([]))
    assert points.embedding.shape == (0, CHANNELS)
    assert points.query.shape == (0, HEADS, CHANNELS // HEADS)
    assert points.value.shape == (0, HEADS, POINTS, CHANNELS // HEADS)
    assert points.x2d.shape == (0, HEADS * POINTS, 2)
    assert points.mask.shape == (0, HEADS * POINTS)


@pytest.mark.parametrize("clamp", [False, True])
def test_points_far_outside_contribute_nothing(clamp):
    module = make(clamp)
    query, embedding, objects, img_size, key_map, value_map = make_inputs([0, 1])
    far = replace(objects, center=objects.center + 1e4)
    points = module(query, embedding, far, img_size, key_map, value_map)
    assert points.mask.abs().max() == 0
    without = module(query, embedding, far, img_size, key_map, torch.zeros_like(value_map))
    torch.testing.assert_close(points.embedding, without.embedding)


def test_channels_must_divide_into_heads():
    with pytest.raises(ValueError, match="10 channels do not divide into 4 heads"):
        DeformableSampler(10, 4)


def test_heads_start_to_look_around():
    module = DeformableSampler(CHANNELS, num_heads=4, num_points=2)
    module.init_weights()
    assert module.sampling_offsets.weight.abs().max() == 0
    expected = [[[2, 0], [4, 0]], [[0, 2], [0, 4]], [[-2, 0], [-4, 0]], [[0, -2], [0, -4]]]
    offsets = module.sampling_offsets.bias.view(4, 2, 2)
    torch.testing.assert_close(offsets, torch.tensor(expected).float(), atol=1e-5, rtol=0)


def test_autocast_keeps_positions():
    # Half precision tells pixels apart only within the first 256.
    module = make()
    torch.nn.init.zeros_(module.sampling_offsets.weight)
    torch.nn.init.zeros_(module.sampling_offsets.bias)
    ramp = torch.zeros(1, CHANNELS, 1, 200, dtype=torch.bfloat16)
    ramp[..., 191:] = 1
    objects = make_objects([0])
    center = torch.tensor([[8 * (190.5 + 0.3), 4.0]])
    objects = replace(objects, center=center)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        points = module(
            objects.embedding, objects.embedding, objects, torch.tensor([[1600.0, 8.0]]), ramp, ramp
        )
    torch.testing.assert_close(points.x2d[0], center.expand(HEADS * POINTS, 2))
    assert points.value.float().flatten().tolist() == pytest.approx([0.3] * 24, abs=0.01)
