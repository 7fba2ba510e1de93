"""Routers, one per audience: customer, staff."""
