"""The history of the catalog schema."""
