"""What staff type into a search field."""

from shared.kernel import decode_id


def is_id(prefix: str, text: str) -> bool:
    """Whether `text` is a well-formed id of this kind."""
    try:
        decode_id(prefix, text)
    except ValueError:
        return False
    return True


def name_begins(text: str) -> str:
    """A LIKE pattern for names in lower case that begin with `text`, whatever is in it."""
    escaped = text.lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"{escaped}%"
