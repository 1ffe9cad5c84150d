"""The decoders by name."""

from groundwork.table import Table

DECODERS: Table = {
    "aspp": "groundwork.models.decoders.aspp:ASPPDecoder",
    "dpt": "groundwork.models.decoders.dpt:DPTDecoder",
    "fcn": "groundwork.models.decoders.fcn:FCNDecoder",
    "identity": "groundwork.models.decoders.identity:IdentityDecoder",
    "linear": "groundwork.models.decoders.linear:LinearDecoder",
    "mlp": "groundwork.models.decoders.mlp:MLPDecoder",
    "segformer_mlp": "groundwork.models.decoders.segformer_mlp:SegFormerMLPDecoder",
    "smp": "groundwork.models.decoders.smp:SmpDecoder",
    "unet": "groundwork.models.decoders.unet:UNetDecoder",
    "upernet": "groundwork.models.decoders.upernet:UPerNetDecoder",
}
