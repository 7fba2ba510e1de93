"""Read models: what the services' APIs return and the gateway's pages receive, one module per context.

A service builds them in its queries; a page reads nothing else. Strings where a context may add words later.
"""
