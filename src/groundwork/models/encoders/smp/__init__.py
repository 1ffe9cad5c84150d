"""The encoders of segmentation_models_pytorch."""
