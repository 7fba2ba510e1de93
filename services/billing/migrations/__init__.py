"""The history of the billing schema."""
