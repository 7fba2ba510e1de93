"""Where a visitor may be sent after signing in: only to a page of this site."""

import re
from urllib.parse import quote, unquote

_MAX_LENGTH = 1024
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_NOT_A_DESTINATION = ("/sign-in", "/sign-up", "/sign-out", "/verify", "/reset-password", "/live/", "/api/")


def safe_next(raw: str | None) -> str | None:
    """`raw` when it is an absolute path on this site, else None.

    Refused: other schemes and hosts, protocol-relative forms in every spelling a browser accepts (`//`, `/\\`,
    with tabs or newlines in between), and the same hidden behind one or more layers of percent-encoding
    (CWE-601; WHATWG URL, section 4.4, treats `\\` as `/` and drops tabs and newlines).
    """
    if not raw or len(raw) > _MAX_LENGTH or not raw.startswith("/") or " " in raw:
        return None
    spelling = raw
    for _ in range(4):
        path = spelling.partition("?")[0]
        if _CONTROL.search(spelling) or "\\" in spelling or "//" in path or "/../" in f"{path}/":
            return None
        decoded = unquote(spelling)
        if decoded == spelling:
            break
        spelling = decoded
    else:
        return None
    if raw.startswith(_NOT_A_DESTINATION):
        return None
    return raw


def with_next(path: str, destination: str | None) -> str:
    """`path` with `?next=` when `destination` is safe to come back to."""
    safe = safe_next(destination)
    return f"{path}?next={quote(safe, safe='/')}" if safe else path
