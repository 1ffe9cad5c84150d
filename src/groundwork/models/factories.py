"""The model factories by name."""

from groundwork.registry import Table

FACTORIES: Table = {
    "encoder_decoder": "groundwork.models.encoder_decoder:EncoderDecoderFactory",
}
