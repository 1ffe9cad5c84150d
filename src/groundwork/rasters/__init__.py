"""Open, check, read and write rasters by windows."""
