"""The heads by name."""

from groundwork.registry import Table

HEADS: Table = {
    "segmentation": "groundwork.models.heads.segmentation:SegmentationHead",
}
