"""Where a visitor may be sent after signing in: only to a page of this site."""

import re
from urllib.parse import quote, unquote

# A configured order with several SSH keys travels in the address; identity keeps as much of it in a mail's link.
MAX_LENGTH = 8000
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_NOT_A_DESTINATION = ("/sign-in", "/sign-up", "/sign-out", "/verify", "/reset-password", "/live/", "/api/")


def safe_next(raw: str | None) -> str | None:
    """`raw` when it is an absolute path on this site, else None.

    Refused: other schemes and hosts, protocol-relative forms in every spelling a browser accepts (`//`, `/\\`,
    with tabs or newlines in between), and the same hidden in the path behind one or more layers of percent-encoding
    (CWE-601; WHATWG URL, section 4.4, treats `\\` as `/` and drops tabs and newlines). What is encoded in the query
    stays there, whatever it is: text of several lines, say.
    """
    if not raw or len(raw) > MAX_LENGTH or not raw.startswith("/"):
        return None
    if " " in raw or "\\" in raw or _CONTROL.search(raw) or raw.startswith(_NOT_A_DESTINATION):
        return None
    return raw if _is_plain(raw.partition("?")[0]) else None


def _is_plain(path: str) -> bool:
    for _ in range(4):
        if _CONTROL.search(path) or "\\" in path or "//" in path or "/../" in f"{path}/":
            return False
        decoded = unquote(path)
        if decoded == path:
            return True
        path = decoded
    return False


def with_next(path: str, destination: str | None) -> str:
    """`path` with `next=` in its query when `destination` is safe to come back to."""
    safe = safe_next(destination)
    return f"{path}{'&' if '?' in path else '?'}next={quote(safe, safe='/')}" if safe else path
