"""The command line of EZ Solutions: ``python -m ez`` and the rooms it composes.

It starts what the other packages define (one service's API or worker, or the whole product in one process),
migrates schemas, checks settings and keeps the generated documentation in step. It holds no business rule.
"""
