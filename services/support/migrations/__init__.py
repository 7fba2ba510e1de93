"""The history of the support schema."""
