"""Weights that TerraTorch has trained, brought into a bundle. Its words are those of :mod:`...terratorch`."""
