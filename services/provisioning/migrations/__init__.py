"""The history of the provisioning schema."""
