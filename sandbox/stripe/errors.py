"""Stripe's error envelope (https://docs.stripe.com/api/errors) and the errors this sandbox raises."""

from typing import Any

_DOCUMENTED = "https://stripe.com/docs/error-codes/"


class StripeError(Exception):
    """An error answer. `status` is the HTTP status; the rest fills Stripe's `error` object."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.code = code
        self.param = param

    def body(self) -> dict[str, Any]:
        """The JSON body: only the members that apply, as Stripe sends them."""
        error: dict[str, Any] = {"message": str(self), "type": self.kind}
        if self.code is not None:
            error["code"] = self.code
            error["doc_url"] = _DOCUMENTED + self.code.replace("_", "-")
        if self.param is not None:
            error["param"] = self.param
        return {"error": error}


def missing_resource(noun: str, identifier: str, param: str = "id") -> StripeError:
    """No object has that id: 404 when the id is the resource itself, 400 when it is a parameter."""
    return StripeError(
        f"No such {noun}: '{identifier}'",
        status=404 if param == "id" else 400,
        code="resource_missing",
        param=param,
    )


def missing_param(name: str) -> StripeError:
    """A required parameter was not sent."""
    return StripeError(f"Missing required param: {name}.", code="parameter_missing", param=name)


def unknown_param(name: str) -> StripeError:
    """A parameter this endpoint does not take."""
    return StripeError(f"Received unknown parameter: {name}", code="parameter_unknown", param=name)


def unknown_route(method: str, path: str) -> StripeError:
    """No endpoint has that method and path."""
    return StripeError(f"Unrecognized request URL ({method}: {path}). Please see https://stripe.com/docs.", status=404)
