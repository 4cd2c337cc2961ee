"""A fixed number of positive cells for the per-object losses, without bias."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class SampledObjects:
    """S positive cells drawn from a batch (S = 0 where it has none).

    Attributes:
        index: (S,) index of each sample among the positives given to the sampler.
        weight: (S,) importance weights, mean 1; every ground-truth box has the same total.
        uniform_weight: (S,) weights, mean 1, that are equal within a box.
    """

    index: Tensor
    weight: Tensor
    uniform_weight: Tensor

    def __len__(self) -> int:
        return len(self.index)


class ObjectSampler:
    """Half of the samples uniformly without replacement, the rest by centerness with replacement.

    Samples are reweighted from the mixture of both to the centerness distribution, and each
    ground-truth box counts equally (EPro-PnP-Det, arXiv 2303.12787).

    Args:
        num_per_img: samples per image of the batch.
    """

    def __init__(self, num_per_img: int = 48) -> None:
        self.num_per_img = num_per_img

    def sample(self, centerness: Tensor, gt_ind: Tensor, num_imgs: int) -> SampledObjects:
        """Draw from the positives of a batch.

        Args:
            centerness: (P,) centerness targets of the positives, > 0.
            gt_ind: (P,) ground-truth box of each positive, numbered over the whole batch.
            num_imgs: images in the batch.

        Returns:
            ``num_per_img * num_imgs`` samples, or none where P = 0.
        """
        num_pos, num = len(centerness), self.num_per_img * num_imgs
        if num_pos == 0:
            return SampledObjects(gt_ind, centerness, centerness)
        prob = centerness / centerness.sum()
        num_uniform = min(num // 2, num_pos)
        index = torch.cat(
            [
                torch.randperm(num_pos, device=prob.device)[:num_uniform],
                torch.multinomial(prob, num - num_uniform, replacement=True),
            ]
        )
        share = num_uniform / num
        drawn = prob[index]
        importance = drawn / (share / num_pos + (1 - share) * drawn)
        boxes = gt_ind[index]
        return SampledObjects(
            index,
            equal_box_weights(importance, boxes),
            equal_box_weights(torch.ones_like(importance), boxes),
        )


def equal_box_weights(weight: Tensor, boxes: Tensor) -> Tensor:
    """Scale weights so that every box has the same total and the mean is 1.

    Args:
        weight: (S,) positive weights.
        boxes: (S,) box of each sample, as non-negative integers.

    Returns:
        (S,) scaled weights.
    """
    total = weight.new_zeros(int(boxes.max()) + 1).index_add(0, boxes, weight)
    weight = weight / total[boxes]
    return weight / weight.mean()
