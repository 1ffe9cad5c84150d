"""Published weights: what they expect, where they are, and what becomes of them."""
