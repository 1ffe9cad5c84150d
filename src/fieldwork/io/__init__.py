"""Catalog entries that Kedro lacks. They say where; what happens is the library's."""
