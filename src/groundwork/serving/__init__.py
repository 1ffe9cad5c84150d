"""Predictions over HTTP: a raster in, a map out."""
