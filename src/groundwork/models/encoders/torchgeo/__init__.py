"""The networks of TorchGeo."""
