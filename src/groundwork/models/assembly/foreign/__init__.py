"""Whole networks, which go from images to scores by themselves, by name."""

from groundwork.table import Table

FULL_MODELS: Table = {
    "prithvi_mae": "groundwork.models.assembly.reconstruction:PrithviReconstruction",
}
