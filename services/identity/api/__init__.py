"""Routers, one per audience: public, person (anybody signed in), internal (our own services)."""
