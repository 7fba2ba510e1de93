"""The one public entry: web pages, public API, sessions, rate limits, security headers.

Owns: nothing that lasts; a gateway can be killed and replaced at any time.
Promises: only what is on its route table goes through; who is calling is resolved here and nowhere else.
"""
