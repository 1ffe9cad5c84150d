"""The encoders by name."""

from groundwork.table import AdvisedTable, Table

_COMPONENTS: Table = {
    "clay": "groundwork.models.encoders.clay:ClayEncoder",
    "copernicus_fm": "groundwork.models.encoders.copernicus_fm:CopernicusFMEncoder",
    "croma": "groundwork.models.encoders.croma:CROMAEncoder",
    "dofa": "groundwork.models.encoders.dofa:DOFAEncoder",
    "galileo": "groundwork.models.encoders.galileo:GalileoEncoder",
    "identity": "groundwork.models.encoders.identity:IdentityEncoder",
    "panopticon": "groundwork.models.encoders.panopticon:PanopticonEncoder",
    "per_date": "groundwork.models.encoders.per_date:PerDateEncoder",
    "prithvi_swin": "groundwork.models.encoders.prithvi_swin:PrithviSwin",
    "prithvi_vit": "groundwork.models.encoders.prithvi:PrithviViT",
    "prithvi_vit_adapter": "groundwork.models.encoders.prithvi_adapter:PrithviViTAdapter",
    "satmae": "groundwork.models.encoders.satmae:SatMAEEncoder",
    "scale_mae": "groundwork.models.encoders.scale_mae:ScaleMAEEncoder",
    "smp": "groundwork.models.encoders.smp:SMPEncoder",
    "terramind": "groundwork.models.encoders.terramind:TerraMindEncoder",
    "timm": "groundwork.models.encoders.timm:TimmEncoder",
    "torchgeo": "groundwork.models.encoders.torchgeo:TorchGeoEncoder",
    "unet": "groundwork.models.encoders.unet:UNetEncoder",
}

ENCODERS: Table = AdvisedTable(_COMPONENTS, "groundwork.models.encoders.owners:advise")

#: Encoder -> the table of its variants, in a module that loads no torch.
VARIANTS: dict[str, str] = {
    "clay": "groundwork.models.encoders.clay_variants:VARIANTS",
    "galileo": "groundwork.models.encoders.galileo_variants:VARIANTS",
    "prithvi_vit": "groundwork.models.encoders.prithvi_variants:VARIANTS",
    "satmae": "groundwork.models.encoders.satmae_variants:VARIANTS",
    "terramind": "groundwork.models.encoders.terramind_variants:VARIANTS",
}
