"""Evaluation of estimated poses without a network."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np

from ...datasets.bop.listed import ImageLists, read_image_lists, read_targets
from ...datasets.bop.models import model_ids
from ...errors import UserError
from .error_table import depth_path, error_table
from .estimates import Estimates, read_estimates
from .matching import Pairs
from .models import EvaluatedModel, model_folder, read_evaluated_models
from .protocol import Protocol
from .scores import Scores, score_pairs
from .truth import Question, Truth, read_truth
from .visible_surface import check_renderer


def evaluate_estimates(
    estimates: Estimates,
    truth: Truth,
    models: Mapping[int, EvaluatedModel],
    protocol: Protocol | None = None,
) -> Scores:
    """Scores of estimates.

    Args:
        estimates: of any images and objects of the split; those that are not asked for do not
            count.
        truth: what is to be found.
        models: of these objects, by number.
        protocol: what is asked for.

    Raises:
        UserError: a depth image is missing or broken.
    """
    protocol = protocol or Protocol()
    pairs = Pairs.of(estimates, truth)
    errors = error_table(pairs, estimates, truth, models, protocol)
    return score_pairs(pairs, errors, truth.obj_id, protocol)


def evaluate_file(
    path: str | Path,
    data_root: str | Path,
    split: str = "test",
    targets: str | None = None,
    objects: Sequence[int] | None = None,
    images: ImageLists | None = None,
    exclude_images: ImageLists | None = None,
    models: str | None = None,
    symmetric: Collection[int] | None = None,
    min_visib_fract: float = 0.0,
    protocol: Protocol | None = None,
) -> Scores:
    """Scores of a result file in BOP's form.

    Args:
        path: the file, see :mod:`~epropnp_det.evaluation.bop.estimates`.
        data_root: folder of the data set.
        split: folder of scenes in it.
        targets: file of what is to be found, such as ``test_targets_bop19.json``, absolute or
            relative to ``data_root``; by default all visible objects of the images.
        objects: numbers of the objects, all by default.
        images, exclude_images: lists of images that count, as the data set takes them; all by
            default.
        models: folder of the models; ``models_eval`` or ``models`` by default.
        symmetric: objects that ADD-S is for, those with a symmetry by default.
        min_visib_fract: least visible fraction of an object without targets.
        protocol: thresholds.

    Returns:
        The scores; ``print(scores.table())`` shows them.

    Raises:
        UserError: the file or a part of the data set is missing, broken or of another form, or the
            file has objects or images that the data set has not.
    """
    root, protocol = Path(data_root), protocol or Protocol()
    folder = model_folder(root, models)
    evaluated = read_evaluated_models(folder, objects, symmetric)
    question = Question(
        frozenset(evaluated),
        targets and read_targets(root / targets),
        images and read_image_lists(images, root),
        exclude_images and read_image_lists(exclude_images, root),
        min_visib_fract,
    )
    truth = read_truth(root, split, question)
    if protocol.vsd:
        check_renderer()
        depth_path(truth.split, int(truth.scene_id[0]), int(truth.im_id[0]))
    estimates = read_estimates(path)
    check_known(path, estimates, truth, folder)
    return evaluate_estimates(estimates, truth, evaluated, protocol)


def check_known(path: str | Path, estimates: Estimates, truth: Truth, folder: Path) -> None:
    """Make sure that estimates are of objects and images that the data set has.

    Args:
        path: of their file, for the message.
        estimates: its estimates.
        truth: of the split.
        folder: of the models.

    Raises:
        UserError: naming the first that is not.
    """
    known = model_ids(folder)
    strange = ~np.isin(estimates.obj_id, known)
    if strange.any():
        raise UserError(
            f"{path} has object {estimates.obj_id[strange][0]}, and {folder} has only "
            f"{', '.join(map(str, known))}: take the results of this data set."
        )
    scenes, inverse = np.unique(estimates.scene_id, return_inverse=True)
    for index, scene_id in enumerate(scenes.tolist()):
        if scene_id not in truth.images:
            raise UserError(
                f"{path} has scene {scene_id}, which {truth.split} has not: take the results of "
                "this split."
            )
        numbers = estimates.im_id[inverse == index]
        strange = ~np.isin(numbers, list(truth.images[scene_id]))
        if strange.any():
            raise UserError(
                f"{path} has image {numbers[strange][0]} of scene {scene_id}, which "
                f"{truth.split} has not: take the results of this split."
            )
