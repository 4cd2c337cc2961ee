"""Parts of a data set, whose copies mmengine makes."""

from __future__ import annotations

from mmengine.dataset import BaseDataset


class SubsetsAlone(BaseDataset):
    """A data set whose ``get_subset`` copies what is there now.

    mmengine's copies share a memo, a default argument, that knows objects by their addresses: what
    has the address of one that is gone would come out as the copy of that one.
    """

    def _copy_without_annotation(self, memo: dict | None = None) -> SubsetsAlone:
        return super()._copy_without_annotation({} if memo is None else memo)
