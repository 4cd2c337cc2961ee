"""Heads that turn objects into 2D-3D correspondences and poses."""

from .auxiliary_head import AuxiliaryHead
from .deform_pnp_head import DeformPnPHead, ObjectPredictions

__all__ = ["AuxiliaryHead", "DeformPnPHead", "ObjectPredictions"]
