"""Models put together of components, and what builds them."""
