"""Galileo."""
