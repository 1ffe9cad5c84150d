"""Networks: encoders, necks, decoders and heads, and how they are wired."""
