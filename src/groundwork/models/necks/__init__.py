"""The necks by name."""

from groundwork.table import Table

NECKS: Table = {
    "bottleneck": "groundwork.models.necks.bottleneck:BottleneckNeck",
    "fpn": "groundwork.models.necks.fpn:FPNNeck",
    "interpolate_pyramid": "groundwork.models.necks.interpolate_pyramid:InterpolatePyramidNeck",
    "maxpool_pyramid": "groundwork.models.necks.maxpool_pyramid:MaxPoolPyramidNeck",
    "merge_sources": "groundwork.models.necks.merge_sources:MergeSourcesNeck",
    "per_source": "groundwork.models.necks.per_source:PerSourceNeck",
    "pool_time": "groundwork.models.necks.pool_time:PoolTimeNeck",
    "project": "groundwork.models.necks.project:ProjectNeck",
    "pyramid": "groundwork.models.necks.pyramid:PyramidNeck",
    "select": "groundwork.models.necks.select:SelectNeck",
}
