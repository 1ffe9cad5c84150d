"""The encoders by name."""

from groundwork.registry import Table

ENCODERS: Table = {
    "prithvi_vit": "groundwork.models.encoders.prithvi:PrithviViT",
    "timm": "groundwork.models.encoders.timm:TimmEncoder",
    "unet": "groundwork.models.encoders.unet:UNetEncoder",
}
