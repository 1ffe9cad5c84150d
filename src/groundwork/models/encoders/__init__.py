"""The encoders by name."""

from groundwork.table import AdvisedTable, Table

_COMPONENTS: Table = {
    "clay": "groundwork.models.encoders.clay.encoder:ClayEncoder",
    "copernicus_fm": "groundwork.models.encoders.torchgeo.copernicus_fm:CopernicusFMEncoder",
    "croma": "groundwork.models.encoders.torchgeo.croma:CROMAEncoder",
    "dofa": "groundwork.models.encoders.torchgeo.dofa:DOFAEncoder",
    "galileo": "groundwork.models.encoders.galileo.encoder:GalileoEncoder",
    "identity": "groundwork.models.encoders.wrappers.identity:IdentityEncoder",
    "panopticon": "groundwork.models.encoders.torchgeo.panopticon:PanopticonEncoder",
    "per_date": "groundwork.models.encoders.wrappers.per_date:PerDateEncoder",
    "prithvi_swin": "groundwork.models.encoders.prithvi.swin:PrithviSwin",
    "prithvi_vit": "groundwork.models.encoders.prithvi.vit:PrithviViT",
    "prithvi_vit_adapter": "groundwork.models.encoders.prithvi.adapter:PrithviViTAdapter",
    "satmae": "groundwork.models.encoders.satmae.encoder:SatMAEEncoder",
    "scale_mae": "groundwork.models.encoders.torchgeo.scale_mae:ScaleMAEEncoder",
    "smp": "groundwork.models.encoders.smp.encoder:SMPEncoder",
    "stack_sources": "groundwork.models.encoders.wrappers.stack_sources:StackSourcesEncoder",
    "terramind": "groundwork.models.encoders.terramind.encoder:TerraMindEncoder",
    "timm": "groundwork.models.encoders.timm.encoder:TimmEncoder",
    "torchgeo": "groundwork.models.encoders.torchgeo.encoder:TorchGeoEncoder",
    "unet": "groundwork.models.encoders.unet:UNetEncoder",
}

ENCODERS: Table = AdvisedTable(_COMPONENTS, "groundwork.models.encoders.owners:advise")

#: Encoder -> the table of its variants, in a module that loads no torch.
VARIANTS: dict[str, str] = {
    "clay": "groundwork.models.encoders.clay.variants:VARIANTS",
    "galileo": "groundwork.models.encoders.galileo.variants:VARIANTS",
    "prithvi_vit": "groundwork.models.encoders.prithvi.variants:VARIANTS",
    "satmae": "groundwork.models.encoders.satmae.variants:VARIANTS",
    "terramind": "groundwork.models.encoders.terramind.variants:VARIANTS",
}
