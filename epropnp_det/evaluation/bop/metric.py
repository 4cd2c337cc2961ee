"""BOP's scores as a metric of mmengine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from mmdet3d.registry import METRICS
from mmengine.dist import is_main_process
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from scipy.spatial.transform import Rotation

from ...command_line import check_output_folder
from ...datasets.bop.format import scene_folders
from ...datasets.bop.listed import ImageLists, read_image_lists, read_targets
from ...datasets.bop.models import model_ids
from ...errors import UserError
from ..score_names import ScoreNames
from .error_table import depth_path
from .estimates import Estimates, write_estimates
from .evaluate import evaluate_estimates
from .models import EvaluatedModel, model_folder, read_evaluated_models
from .pose_errors import Poses
from .protocol import Protocol
from .truth import Question, read_truth
from .visible_surface import DELTA, check_renderer

_MM = 1e-3


@METRICS.register_module()
class BOPMetric(BaseMetric):
    """Scores of 6 DoF object poses against the ground truth of a folder in BOP's format.

    Takes :class:`~epropnp_det.structures.ObjectPoseSample` with ``pred_pose`` and
    ``pred_score``. What is to be found are the targets, or all visible objects of the images that
    ``images`` and ``exclude_images`` name, or, without any of these, of the images that samples
    came from. Keys of the scores are those of ``Protocol.names``, alone over all objects, and
    after an object's name for each.

    Args:
        data_root: folder of the data set.
        split: folder of scenes in it.
        targets: file of the challenge's targets such as ``test_targets_bop19.json``, absolute or
            relative to ``data_root``.
        images, exclude_images: lists of images that count, as the data set takes them.
        models: folder of the models; ``models_eval`` or ``models`` by default.
        symmetric: numbers of the objects that ADD-S is for; those with a symmetry by default.
        min_visib_fract: least visible fraction of an object, without targets.
        ad: thresholds of ADD(-S), in diameters.
        deg_cm: pairs of thresholds, degrees and cm.
        proj: thresholds of the reprojection error, pixels.
        adi: whether to take the area under the curve of ADD-S for all objects, too.
        vsd: whether to measure VSD, and with it BOP's AR; needs depth images.
        vsd_delta: its tolerance of visibility, mm.
        format_only: whether to write the result file and compare with nothing.
        outfile_prefix: path of the result file less its ``.csv``; None writes none.
        collect_device, prefix: as in mmengine's ``BaseMetric``.

    Raises:
        UserError: a folder, the models' list, the targets or depth images are missing, or settings
            are wrong.
    """

    default_prefix = "BOP"

    def __init__(
        self,
        data_root: str,
        split: str = "test",
        targets: str | None = None,
        images: ImageLists | None = None,
        exclude_images: ImageLists | None = None,
        models: str | None = None,
        symmetric: Sequence[int] | None = None,
        min_visib_fract: float = 0.0,
        ad: Sequence[float] = (0.02, 0.05, 0.1),
        deg_cm: Sequence[Sequence[float]] = ((2, 2), (5, 5)),
        proj: Sequence[float] = (5,),
        adi: bool = False,
        vsd: bool = False,
        vsd_delta: float = DELTA,
        format_only: bool = False,
        outfile_prefix: str | None = None,
        collect_device: str = "cpu",
        prefix: str | None = None,
    ) -> None:
        super().__init__(collect_device, prefix)
        if format_only and outfile_prefix is None:
            raise UserError("format_only of the evaluator writes a file: set outfile_prefix.")
        self.root, self.split = Path(data_root), split
        self.protocol = Protocol(tuple(ad), tuple(deg_cm), tuple(proj), adi, vsd, vsd_delta)
        self.symmetric = None if symmetric is None else tuple(symmetric)
        self.format_only, self.outfile_prefix = format_only, outfile_prefix
        self.models: dict[int, EvaluatedModel] = {}
        if outfile_prefix is not None and is_main_process():
            check_output_folder(Path(outfile_prefix).parent, "the evaluator's outfile_prefix")
        if format_only:
            return
        folders = scene_folders(self.root / split)
        self.model_folder = model_folder(self.root, models)
        self._known = model_ids(self.model_folder)
        self._targets = targets and read_targets(self.root / targets)
        self._images = images and read_image_lists(images, self.root)
        self._excluded = exclude_images and read_image_lists(exclude_images, self.root)
        self._min_visib_fract = min_visib_fract
        if vsd:
            self._check_depth(next(iter(folders.values())))

    def _check_depth(self, folder: Path) -> None:
        check_renderer()
        if not (folder / "depth").is_dir():
            raise UserError(
                f"{folder} has no folder depth, which VSD needs: unpack the depth images of the "
                "split, or set the evaluator's vsd=False."
            )

    @BaseMetric.dataset_meta.setter
    def dataset_meta(self, dataset_meta: dict) -> None:
        """Of the evaluated data set, which mmengine sets when it builds the loop.

        Reads the models of its objects, all without ``obj_ids``.

        Raises:
            UserError: one is missing or broken, or ``symmetric`` names none of them.
        """
        self._dataset_meta = dataset_meta
        if self.format_only or not is_main_process():
            return
        obj_ids = dataset_meta.get("obj_ids", self._known)
        self.models = read_evaluated_models(self.model_folder, obj_ids, self.symmetric)

    @property
    def score_names(self) -> ScoreNames:
        """Keys of the scores."""
        return ScoreNames(self.protocol.main, self.protocol.names)

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Keep what a batch of samples predicts; poses that are no numbers are left out."""
        for sample in data_samples:
            ids = tuple(int(sample[key]) for key in ("scene_id", "im_id", "obj_id"))
            pose = np.asarray(sample["pred_pose"].cpu(), float)
            self.results.append((ids, float(sample["pred_score"]), pose))

    def compute_metrics(self, results: list[tuple]) -> dict[str, float]:
        """Write the result file, compare with the ground truth and show a table of the objects."""
        estimates = _estimates(results)
        if self.outfile_prefix is not None:
            path = f"{self.outfile_prefix}.csv"
            write_estimates(path, estimates)
            print_log(f"{len(estimates)} poses are written to {path}.", "current")
        if self.format_only:
            return {}
        meta = self.dataset_meta or {}
        if not self.models:
            self.dataset_meta = meta
        truth = read_truth(self.root, self.split, self._question(results))
        if self.protocol.vsd:
            depth_path(truth.split, int(truth.scene_id[0]), int(truth.im_id[0]))
        scores = evaluate_estimates(estimates, truth, self.models, self.protocol)
        labels = dict(zip(meta.get("obj_ids", ()), meta.get("classes", ()), strict=False))
        print_log(f"\n{scores.table(labels)}", "current")
        return scores.flat(labels)

    def _question(self, results: list[tuple]) -> Question:
        images = self._images
        if self._targets is None and images is None and self._excluded is None:
            images = {}
            for (scene_id, im_id, _), _, _ in results:
                images.setdefault(scene_id, set()).add(im_id)
        return Question(
            frozenset(self.models), self._targets, images, self._excluded, self._min_visib_fract
        )


def _estimates(results: list[tuple]) -> Estimates:
    """Of what was kept; the time of an image is not known, since the detector's is a part of it."""
    kept = [each for each in results if np.isfinite(each[2]).all() and each[2][3:].any()]
    scene_id, im_id, obj_id = np.array([ids for ids, _, _ in kept], int).reshape(-1, 3).T
    score = np.array([score for _, score, _ in kept], float)
    pose = np.array([pose for _, _, pose in kept], float).reshape(-1, 7)
    rotation = np.zeros((0, 3, 3))
    if len(pose):
        rotation = Rotation.from_quat(pose[:, 3:], scalar_first=True).as_matrix()
    poses = Poses(rotation, pose[:, :3] / _MM)
    return Estimates(scene_id, im_id, obj_id, score, poses, np.full(len(kept), -1.0))
