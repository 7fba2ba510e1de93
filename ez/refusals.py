"""Why settings were refused, in the operator's words: the variables, never their values."""

from pydantic import ValidationError

from shared.web.findings import Finding


def refusals(error: ValidationError) -> list[Finding]:
    """The variables a settings class refused, each with what is wrong with it."""
    prefix = error.title.removesuffix("Settings")
    return [
        Finding(_variable(item["loc"], prefix), item["msg"].removeprefix("Value error, "))
        for item in error.errors(include_input=False, include_url=False)
    ]


def _variable(location: tuple[int | str, ...], prefix: str) -> str:
    name = str(location[0]) if location else "settings"
    return name if name.isupper() else f"{prefix}_{name}".upper()
