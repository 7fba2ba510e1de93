"""The web pages: marketing, buying, the customer's area and the staff console.

Server-rendered HTML over the public API. Nothing here decides a rule: a page asks the services through
`Upstream`, shows what they answered, and maps their problems (RFC 9457) to the field or the notice that helps.
The composition root hands in a `Site`; `gateway.web.app.web_routes` turns it into routes.
"""
