"""The model factories by name."""

from groundwork.table import Table

FACTORIES: Table = {
    "embedding": "groundwork.models.embedding:EmbeddingFactory",
    "encoder_decoder": "groundwork.models.encoder_decoder:EncoderDecoderFactory",
    "full_model": "groundwork.models.whole.factory:FullModelFactory",
    "object_detection": "groundwork.models.detection:ObjectDetectionModelFactory",
    "smp": "groundwork.models.whole.smp:SMPFactory",
    "timm": "groundwork.models.whole.timm:TimmFactory",
    "torchgeo": "groundwork.models.whole.torchgeo:TorchGeoFactory",
}
