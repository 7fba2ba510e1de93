"""The browser behind a User-Agent header, in the words of the person who uses it."""

# A browser that builds on another names that one too, so the more particular names come first
# (MDN, "Browser detection using the user agent string").
_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS = (
    ("Windows", "Windows"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)
_LONGEST = 60


def browser(agent: str | None) -> str:
    """`Firefox on Linux`; a program that is no browser keeps the name it gives itself."""
    if not agent:
        return "Unknown browser"
    name = next((words for sign, words in _BROWSERS if sign in agent), None)
    system = next((words for sign, words in _SYSTEMS if sign in agent), None)
    if name is None:
        return agent if len(agent) <= _LONGEST else f"{agent[: _LONGEST - 1]}…"
    return f"{name} on {system}" if system else name
