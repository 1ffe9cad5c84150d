"""Fit a task."""
