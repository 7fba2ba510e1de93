"""The history of the identity schema."""
