# What EPro-PnP-Det adds to the recipe: the widths of its heads.
_base_ = "./recipe.py"

channels = _base_.size.channels
ours = dict(
    data_preprocessor=_base_.data_preprocessor,
    backbone=_base_.backbone,
    neck=_base_.neck,
    dense_head=dict(
        in_channels=channels,
        feat_channels=channels,
        emb_channels=channels,
        dcn_on_last_conv=_base_.size.deformable,
        assigner=dict(type="CenterPointAssigner", regress_ranges=_base_.regress_ranges),
        **_base_.size.ours.get("dense_head", {}),
    ),
    bbox_head=dict(
        in_channels=channels, channels=channels, **_base_.size.ours.get("bbox_head", {})
    ),
    train_cfg=_base_.size.ours.get("train_cfg", {}),
)
