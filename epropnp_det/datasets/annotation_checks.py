"""What of the annotations of a dataroot is left out, and what is wrong with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from nuscenes.nuscenes import NuScenes

from ..errors import UserError
from .rig import NUSCENES, Rig


@dataclass(frozen=True)
class AnnotationReport:
    """What is to be said of the annotations of some samples.

    Attributes:
        kept: number of annotations of the detected classes.
        left_out: number of annotations by category that is no detected class.
        unfit: number of annotations whose attribute does not fit their class.
        unfit_example: one of these, in words.
        own: categories that are no dataset's, of those left out.
    """

    kept: int
    left_out: Mapping[str, int]
    unfit: int
    unfit_example: str
    own: Collection[str] = ()

    def lines(self) -> list[str]:
        """A sentence for each thing that a user should know."""
        found = []
        if self.left_out:
            counts = ", ".join(f"{name} {self.left_out[name]}" for name in sorted(self.left_out))
            first = min(self.own, default=None)
            hint = f"; --categories {first}=CLASS takes some for a class" if first else ""
            found.append(f"annotations that are of no detected class, left out: {counts}{hint}")
        if self.unfit:
            found.append(
                f"{self.unfit} annotations have an attribute that does not fit their class, such "
                f"as {self.unfit_example}: no prediction will match it"
            )
        return found


def check_annotations(
    nusc: NuScenes, tokens: Collection[str], rig: Rig = NUSCENES
) -> AnnotationReport:
    """Look at the annotations of some samples.

    Args:
        nusc: tables, in which categories of one's own are mapped already.
        tokens: the samples.
        rig: of the dataset.

    Raises:
        UserError: naming the first annotation whose attributes the devkit does not accept.
    """
    wanted = set(tokens)
    names = {row["token"]: row["name"] for row in nusc.attribute}
    left_out, kept, unfit = Counter(), 0, []
    for row in nusc.sample_annotation:
        if row["sample_token"] not in wanted:
            continue
        label = rig.class_of(row["category_name"])
        if label is None:
            left_out[row["category_name"]] += 1
            continue
        kept += 1
        own = [names.get(token, token) for token in row["attribute_tokens"]]
        if fault := attribute_fault(row["token"], own, rig):
            raise UserError(f"{nusc.version}/sample_annotation.json: {fault}")
        if own and own[0] not in rig.kit.fitting_attributes(label):
            unfit.append(f"{own[0]} of the {label} {row['token']}")
    own = left_out.keys() - rig.labels.keys()
    return AnnotationReport(kept, left_out, len(unfit), unfit[0] if unfit else "", own)


def attribute_fault(token: str, attributes: Sequence[str], rig: Rig = NUSCENES) -> str | None:
    """What the devkit will not accept of the attributes of an annotation of a detected class.

    Args:
        token: of the annotation.
        attributes: names of its attributes.
        rig: of the dataset.

    Returns:
        A sentence that names the annotation and the mend; None if there is no fault.
    """
    if len(attributes) > 1:
        return (
            f"annotation {token} has the attributes {', '.join(attributes)}, and "
            f"{rig.kit.title} allows one: leave out the others."
        )
    unknown = set(attributes) - set(rig.attributes)
    if unknown:
        return (
            f"annotation {token} has the attribute {unknown.pop()}, which the detection of "
            f"{rig.kit.title} does not know: leave it out, or name one of "
            f"{', '.join(rig.attributes)}."
        )
    return None
