"""One module per Stripe resource: how it is built, and what its endpoints do."""
