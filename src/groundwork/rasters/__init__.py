"""Open, check, read and write rasters by windows."""

from groundwork.rasters.environment import configure_gdal

configure_gdal()
