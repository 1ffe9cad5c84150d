"""Scores, baselines and figures."""
