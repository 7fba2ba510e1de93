"""How a page is listed: method, path, and the permission it needs (`shared.contracts.permissions`)."""

from dataclasses import dataclass

from gateway.web.visit import Page

PUBLIC = ""
SIGNED_IN = "self.read"
STAFF = "staff"
"""Any member of staff, whatever their role."""


@dataclass(frozen=True, slots=True)
class PageRoute:
    """One page; `needs` is a permission, or one of the three words above."""

    method: str
    path: str
    page: Page
    needs: str


def get(path: str, page: Page, needs: str) -> PageRoute:
    """A page to look at."""
    return PageRoute("GET", path, page, needs)


def post(path: str, page: Page, needs: str) -> PageRoute:
    """A form's destination."""
    return PageRoute("POST", path, page, needs)
