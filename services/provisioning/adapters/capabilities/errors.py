"""What can go wrong at a provider, whatever it provides."""

from typing import ClassVar


class ProviderError(Exception):
    """A call to a provider that did not succeed. `failure_class` says what a job does with it.

    The text is for staff and never holds credentials.
    """

    failure_class: ClassVar[str] = "transient"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class ProviderUnavailable(ProviderError):
    """Nothing was changed, and later may be better. `retry_after`: seconds the provider asks for, if it does."""

    def __init__(self, detail: str, *, retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class ProviderAmbiguous(ProviderError):
    """A write was sent and its outcome is unknown: look before writing again."""

    failure_class = "ambiguous"


class ProviderRejected(ProviderError):
    """The provider will never accept this as it is."""

    failure_class = "permanent"


class IdTaken(ProviderRejected):
    """The reserved machine id belongs to somebody else: reserve another."""


class NeedsHuman(ProviderError):
    """Only a person can put this right: credentials, permissions, capacity, a contradiction."""

    failure_class = "needs-human"


class ProviderFull(NeedsHuman):
    """The provider has no room for more; what runs there goes on."""


class MachineMissing(NeedsHuman):
    """The machine we were told to change is not there."""


class NotOurMachine(NeedsHuman):
    """The machine with this id does not carry our reference; it was not touched."""
