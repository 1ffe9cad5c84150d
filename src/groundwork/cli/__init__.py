"""The command ``groundwork``."""
