"""Stand-ins for the outside world, for development and tests. Never part of the production image."""
