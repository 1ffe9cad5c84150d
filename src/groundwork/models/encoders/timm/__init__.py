"""The networks of timm."""
