"""SatMAE."""
