"""The necks by name."""

from groundwork.registry import Table

NECKS: Table = {
    "pyramid": "groundwork.models.necks.pyramid:PyramidNeck",
    "select": "groundwork.models.necks.select:SelectNeck",
}
