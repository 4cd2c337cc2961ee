"""Heads that turn objects into 2D-3D correspondences and poses."""

from .deform_pnp_head import DeformPnPHead, ObjectPredictions

__all__ = ["DeformPnPHead", "ObjectPredictions"]
