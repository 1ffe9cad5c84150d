"""Encoders that are made of other encoders, or pass images on as they are."""
