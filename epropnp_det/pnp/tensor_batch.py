"""Frozen records of tensors that share one batch dimension."""

from __future__ import annotations

import copy
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from functools import wraps
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from .layout import Layout

if TYPE_CHECKING:
    from typing import Self  # of Python 3.11


@dataclass(frozen=True, eq=False)
class TensorBatch:
    """Base of the layer's value types: moves, indexes and concatenates all tensor fields together.

    The batch dimension is 0, or what the field's metadata names as ``batch_dim``. Fields that are
    neither tensors nor ``TensorBatch`` are settings, which stay as they are.
    """

    def _map(self, function: Callable[[Tensor, int], Tensor]) -> Self:
        changes: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, Tensor):
                changes[field.name] = function(value, field.metadata.get("batch_dim", 0))
            elif isinstance(value, TensorBatch):
                changes[field.name] = value._map(function)
        return replace(self, **changes)

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """As ``Tensor.to``, for all tensors; a dtype applies to floating-point tensors alone."""

        def move(tensor: Tensor, _: int) -> Tensor:
            moved = tensor.to(*args, **kwargs)
            return moved if tensor.is_floating_point() else moved.to(tensor.dtype)

        return self._map(move)

    def detach(self) -> Self:
        """The same values without a gradient."""
        return self._map(lambda tensor, _: tensor.detach())

    def __getitem__(self, index: int | slice | Tensor) -> Self:
        """Select objects of the batch; an integer keeps the batch dimension.

        Raises:
            IndexError: if the index is out of range.
        """
        if not isinstance(index, slice | Tensor):
            index = torch.tensor([operator.index(index)])
        return self._map(lambda tensor, dim: tensor[(slice(None),) * dim + (index,)])

    def packed(self, layout: Layout) -> Self:
        """The batch with fields (B, ...) laid out for computing, (..., C, 1, L).

        Only the methods that say so work on it.
        """
        return self._unchecked(layout.objects)

    def repeated(self, copies: int, layout: Layout) -> Self:
        """A packed copy several times, one after the other."""
        return self._unchecked(lambda tensor: layout.repeated(tensor, copies))

    def in_lanes(self, lanes: int) -> Self:
        """A copy packed with an object in a row, for several lanes: (..., B, 1, lanes)."""
        return self._unchecked(lambda tensor: tensor.expand(*tensor.shape[:-1], lanes).contiguous())

    def rows(self, rows: slice) -> Self:
        """Some of the rows of a packed copy."""
        return self._unchecked(lambda tensor: tensor[..., rows, :, :])

    def _unchecked(self, function: Callable[[Tensor], Tensor]) -> Self:
        clone = copy.copy(self)
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, Tensor):
                object.__setattr__(clone, field.name, function(value))
        return clone

    def masked(self, keep: Tensor) -> Self:
        """Put harmless numbers in place of the objects that are not to be kept.

        A field's metadata may name as ``harmless`` what makes them; otherwise they are zeros.

        Args:
            keep: (B,) bool.
        """
        changes: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, TensorBatch):
                changes[field.name] = value.masked(keep)
            elif isinstance(value, Tensor):
                harmless = field.metadata.get("harmless", torch.zeros_like)
                changes[field.name] = keep_objects(value, keep, harmless)
        return replace(self, **changes)

    @classmethod
    def cat(cls, items: Sequence[Self]) -> Self:
        """Concatenate along the batch dimension.

        Raises:
            ValueError: if ``items`` is empty or their settings differ.
        """
        if not items:
            raise ValueError(f"cat needs at least one {cls.__name__}.")
        first = items[0]
        changes: dict[str, Any] = {}
        for field in fields(first):
            values = [getattr(item, field.name) for item in items]
            if all(isinstance(value, Tensor) for value in values):
                changes[field.name] = torch.cat(values, dim=field.metadata.get("batch_dim", 0))
            elif all(isinstance(value, TensorBatch) for value in values):
                changes[field.name] = type(values[0]).cat(values)
            elif any(value is not values[0] and value != values[0] for value in values):
                raise ValueError(
                    f"{cls.__name__} objects with different {field.name} cannot be concatenated."
                )
        return replace(first, **changes)


def full_precision(method: Callable) -> Callable:
    """Switch autocast off inside ``method``, on the device of its first argument that has one.

    The normal equations lose all meaning in half precision, so a network trained under autocast
    must not have the layer's products cast.
    """

    @wraps(method)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        device = next(arg.device for arg in (*args, *kwargs.values()) if hasattr(arg, "device"))
        with torch.autocast(device.type, enabled=False):
            return method(*args, **kwargs)

    return wrapper


def keep_objects(
    tensor: Tensor, keep: Tensor, harmless: Callable[[Tensor], Tensor] = torch.zeros_like
) -> Tensor:
    """Replace the values of objects that are not to be kept, and block gradients that overflow.

    Replacing values before a computation keeps NaN out of it and out of its gradient. The backward
    pass of finite values can still overflow: such an object then gets a zero gradient.

    Args:
        tensor: (B, ...).
        keep: (B,) bool.
        harmless: makes what is put in place, from the tensor.
    """
    return block_overflow(torch.where(_spread(keep, tensor), tensor, harmless(tensor)))


def block_overflow(tensor: Tensor) -> Tensor:
    """A tensor (B, ...) whose gradient is zero for the objects for which it would not be finite."""

    def blocked(gradient: Tensor | None) -> Tensor | None:
        if gradient is None:  # autograd's sign for a zero gradient
            return None
        finite = all_finite(gradient[:, None].flatten(1))
        return torch.where(_spread(finite, gradient), gradient, torch.zeros_like(gradient))

    if tensor.requires_grad and torch.is_grad_enabled():
        tensor = tensor.view_as(tensor)  # the given one keeps the gradients of its other uses
        tensor.register_hook(blocked)
    return tensor


def _spread(flags: Tensor, like: Tensor) -> Tensor:
    """Flags (B,), to broadcast with a tensor (B, ...)."""
    return flags.reshape(-1, *[1] * (like.ndim - 1))


def all_finite(tensor: Tensor, dim: int | tuple[int, ...] = -1) -> Tensor:
    """Whether all numbers along dimensions are finite: bool, without those dimensions."""
    # Three to six times as fast as isfinite. Zero times a number would do, but compilers know that.
    return (tensor - tensor).sum(dim) == 0


def diagonal(matrix: Tensor) -> Tensor:
    """Of matrices (B, D, D): (B, D). The compiler has a deprecated call in ``Tensor.diagonal``."""
    return torch.stack([matrix[:, i, i] for i in range(matrix.shape[-1])], dim=-1)


def check_shape(name: str, tensor: Tensor, expected: tuple[int | str, ...]) -> None:
    """Raise a ``ValueError`` that names ``tensor`` unless it has the ``expected`` shape.

    Args:
        name: what to call the tensor.
        tensor: to be checked.
        expected: one entry a dimension; letters stand for any size.
    """
    fits = tensor.ndim == len(expected) and all(
        isinstance(want, str) or have == want
        for have, want in zip(tensor.shape, expected, strict=True)
    )
    if not fits:
        shape = ", ".join(map(str, expected)) + ("," if len(expected) == 1 else "")
        raise ValueError(f"{name} must have shape ({shape}), got {tuple(tensor.shape)}.")
