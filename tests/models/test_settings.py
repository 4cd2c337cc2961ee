from dataclasses import FrozenInstanceError

import pytest

from epropnp_det.models.settings import TestSettings, TrainSettings


@pytest.mark.parametrize("settings", [TrainSettings, TestSettings])
def test_unknown_key_is_named(settings):
    with pytest.raises(TypeError, match="score_threshold"):
        settings(**dict(score_threshold=0.1))


def test_settings_are_frozen():
    with pytest.raises(FrozenInstanceError):
        TrainSettings().mc_samples = 1


def test_config_reaches_both_heads(build):
    train = dict(samples_per_img=7, solver_iters=3, mc_samples=20, mc_rounds=2)
    test = dict(score_thr=0.3, max_per_img=9, solver_iters=6)
    model = build(train_cfg=train, test_cfg=test)
    assert model.dense_head.sampler.num_per_img == 7
    assert model.dense_head.test_settings == TestSettings(**test)
    pnp = model.bbox_head.pnp
    assert (pnp.solver.refine.num_iter, pnp.mc_samples, pnp.num_iter) == (3, 20, 2)
    assert model.bbox_head.pose_predictor.pnp.solver.refine.num_iter == 6
