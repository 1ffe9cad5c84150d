"""The decoders by name."""

from groundwork.registry import Table

DECODERS: Table = {
    "fcn": "groundwork.models.decoders.fcn:FCNDecoder",
    "unet": "groundwork.models.decoders.unet:UNetDecoder",
    "upernet": "groundwork.models.decoders.upernet:UPerNetDecoder",
}
