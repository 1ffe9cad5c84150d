"""Clay."""
