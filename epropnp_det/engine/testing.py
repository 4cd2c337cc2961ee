"""What the command lines that test a model share: flip testing, and the test loop itself."""

from __future__ import annotations

from mmengine.config import Config, ConfigDict

from ..datasets.transforms import rows_cut_off
from ..deploy import DeployedDetector
from ..errors import UserError
from .checkpoint import check_checkpoint, check_fit
from .cli import build_runner
from .config_checks import check_config, check_trained_classes


def use_tta(cfg: Config) -> None:
    """Have a config tested with its test-time augmentation.

    Args:
        cfg: changed in place.

    Raises:
        UserError: it has none.
    """
    if cfg.get("tta_model") is None or cfg.get("tta_pipeline") is None:
        raise UserError(
            "--tta needs tta_model and tta_pipeline in the config; see "
            "configs/_base_/datasets/nus_mono3d.py."
        )
    cfg.test_dataloader.dataset.pipeline = cfg.tta_pipeline
    cfg.model = ConfigDict(**cfg.tta_model, module=cfg.model)


def use_exported(cfg: Config, path: str) -> None:
    """Have an exported file tested in place of the config's model.

    Args:
        cfg: changed in place.
        path: the file.

    Raises:
        UserError: the file is broken, or of a detector of other classes or another crop.
    """
    if cfg.model.type == cfg.get("tta_model", {}).get("type"):
        raise UserError(f"--tta is for networks, and {path} is an exported file: leave one out.")
    about = DeployedDetector(path).description
    classes = cfg.test_dataloader.dataset.get("metainfo", {}).get("classes", about.classes)
    if tuple(classes) != about.classes:
        raise UserError(f"{path} has the classes {', '.join(about.classes)}, the config others.")
    rows = rows_cut_off(cfg.test_dataloader.dataset.pipeline)
    if rows != about.top_rows:
        raise UserError(
            f"{path} was exported where {about.top_rows} rows are cut off the top, and the config "
            f"cuts {rows}: name the config that it was exported with."
        )
    cfg.load_from = None
    cfg.model = ConfigDict(type="ExportedDetector", file=path)


def run_test(cfg: Config, checkpoint: str) -> dict[str, float]:
    """Run the test loop of a config, within its :func:`~epropnp_det.engine.launch.process_group`.

    Args:
        cfg: the config; ``load_from`` is set.
        checkpoint: file of the weights, or an exported file (.onnx), which then is the model.

    Returns:
        The metrics, by name.

    Raises:
        UserError: data or checkpoint are missing or broken, or do not fit the config.
    """
    for part in ("model", "test_dataloader", "test_cfg", "test_evaluator"):
        if cfg.get(part) is None:
            raise UserError(f"the config has no {part}, and so describes no test: give one.")
    if checkpoint.endswith(".onnx"):
        use_exported(cfg, checkpoint)
        check_config(cfg, ["test_dataloader"])
        return build_runner(cfg).test()
    check_config(cfg, ["test_dataloader"])
    cfg.load_from = checkpoint
    weights = check_checkpoint(checkpoint)
    check_trained_classes(cfg, "test_dataloader", weights, checkpoint)
    runner = build_runner(cfg)
    check_fit(runner.model, weights, checkpoint)
    return runner.test()
