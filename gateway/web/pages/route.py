"""How a page is listed: method, path, who may see it."""

from dataclasses import dataclass

from gateway.web.visit import Access, Page


@dataclass(frozen=True, slots=True)
class PageRoute:
    method: str
    path: str
    page: Page
    access: Access


def get(path: str, page: Page, access: Access = "customer") -> PageRoute:
    return PageRoute("GET", path, page, access)


def post(path: str, page: Page, access: Access = "customer") -> PageRoute:
    return PageRoute("POST", path, page, access)
