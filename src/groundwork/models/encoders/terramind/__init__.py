"""TerraMind of IBM and ESA."""
