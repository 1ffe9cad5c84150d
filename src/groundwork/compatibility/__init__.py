"""What other libraries write, understood: each has a room of its own, and its words stay there."""
