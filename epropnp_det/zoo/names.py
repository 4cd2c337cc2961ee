"""Parameter names of the published models, and ours."""

from __future__ import annotations

# Published prefix of a parameter's name -> ours; the first that fits.
PREFIXES = (
    # 6 DoF
    ("rot_head_net.", "coordinate_head."),
    ("monte_carlo_pose_loss.", "pose_head.loss_pose."),
    # The detector
    ("bbox_head.detector.cls_convs.", "dense_head.cls_tower."),
    ("bbox_head.detector.reg_convs.", "dense_head.reg_tower."),
    ("bbox_head.detector.conv_cls_prev.0.", "dense_head.cls_branch."),
    ("bbox_head.detector.conv_centerness_prev.0.", "dense_head.centerness_branch."),
    ("bbox_head.detector.conv_emb_prev.0.", "dense_head.emb_branch."),
    ("bbox_head.detector.conv_offset_prev.0.", "dense_head.center_branch."),
    ("bbox_head.detector.conv_bbox_prev.0.", "dense_head.box_branch."),
    ("bbox_head.detector.conv_offset.", "dense_head.conv_center."),
    ("bbox_head.detector.conv_bbox.", "dense_head.conv_box."),
    ("bbox_head.detector.", "dense_head."),
    ("bbox_head.cls_emb", "bbox_head.class_embedding"),
    ("bbox_head.convs.", "bbox_head.features.level_convs."),
    ("bbox_head.conv_upsampled.", "bbox_head.features.fuse."),
    ("bbox_head.k_proj.", "bbox_head.features.key_proj."),
    ("bbox_head.v_proj.", "bbox_head.features.value_proj."),
    ("bbox_head.attention_sampler.layer_norms.0.", "bbox_head.point_sampler.attn_norm."),
    ("bbox_head.attention_sampler.layer_norms.1.", "bbox_head.point_sampler.ffn_norm."),
    ("bbox_head.attention_sampler.", "bbox_head.point_sampler."),
    ("bbox_head.x2d_pos_enc.", "bbox_head.point_transformer.position."),
    ("bbox_head.pred_fc.", "bbox_head.fc."),
    ("bbox_head.velo_branch.", "bbox_head.velocity_branch."),
    # v1 keeps these modules in lists; its second linear map reads off the correspondences.
    ("bbox_head.obj_query_scale.0.", "bbox_head.point_transformer.query_scale."),
    ("bbox_head.pts_trans.0.", "bbox_head.point_transformer.layer."),
    ("bbox_head.corr_regs.0.", "bbox_head.auxiliary."),
    ("bbox_head.corr_regs.1.", "bbox_head.point_transformer."),
    ("bbox_head.loss_pose.0.", "bbox_head.loss_pose."),
    # v2
    ("bbox_head.obj_query_scale.", "bbox_head.point_transformer.query_scale."),
    ("bbox_head.pts_trans.", "bbox_head.point_transformer.layer."),
    ("bbox_head.corr_reg_aux.", "bbox_head.auxiliary."),
    ("bbox_head.corr_reg.", "bbox_head.point_transformer."),
    ("bbox_head.w2d_scale_branch.", "bbox_head.scale_branch."),
    ("bbox_head.loss_proj.", "bbox_head.auxiliary.loss_proj."),
    ("bbox_head.loss_regr.", "bbox_head.auxiliary.loss_regr."),
    ("bbox_head.loss_depth.", "bbox_head.auxiliary.loss_depth."),
    ("bbox_head.depth_branch.", "bbox_head.auxiliary.depth_branch."),
)


def our_name(published: str) -> str:
    """Our name of a parameter or buffer of a published model."""
    for theirs, ours in PREFIXES:
        if published.startswith(theirs):
            return ours + published.removeprefix(theirs)
    return published
