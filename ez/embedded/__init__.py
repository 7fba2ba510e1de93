"""The embedded way to run: one machine, one command, and the same code that production runs.

``postgres`` starts a real PostgreSQL server beside us, for a newcomer's first minute and for the tests.
"""
