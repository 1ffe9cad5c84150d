"""The model factories by name."""

from groundwork.table import Table

FACTORIES: Table = {
    "embedding": "groundwork.models.assembly.embedding:EmbeddingFactory",
    "encoder_decoder": "groundwork.models.assembly.encoder_decoder:EncoderDecoderFactory",
    "ensemble": "groundwork.models.assembly.ensemble:EnsembleFactory",
    "full_model": "groundwork.models.assembly.foreign.factory:FullModelFactory",
    "object_detection": "groundwork.models.assembly.detection:ObjectDetectionModelFactory",
    "smp": "groundwork.models.assembly.foreign.smp:SMPFactory",
    "timm": "groundwork.models.assembly.foreign.timm:TimmFactory",
    "torchgeo": "groundwork.models.assembly.foreign.torchgeo:TorchGeoFactory",
}
