"""Prithvi-EO of IBM and NASA."""
