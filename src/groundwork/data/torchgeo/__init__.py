"""Data that TorchGeo reads, as batches of this library."""
