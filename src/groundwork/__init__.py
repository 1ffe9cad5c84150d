"""Rasters in, maps out: training geospatial foundation models on your own rasters."""
