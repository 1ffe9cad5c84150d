"""Predict scenes of any size, window by window."""
