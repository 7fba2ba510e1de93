"""Every page in every state, by a readable name: (name, who opens it, address, HTTP status)."""

from tests.web.fake_data import World

Shot = tuple[str, str | None, str, int]


def every_page(world: World) -> list[Shot]:
    ids = world.named
    anyone: list[Shot] = [
        ("home", None, "/", 200),
        ("pricing", None, "/pricing", 200),
        ("pricing-yearly-usd", None, "/pricing?interval=year&currency=USD", 200),
        ("configure", None, "/buy/vps-l?interval=year", 200),
        ("sign-in", None, "/sign-in?next=/buy/vps-s", 200),
        ("sign-up", None, "/sign-up", 200),
        ("check-your-mail", None, "/check-your-mail?email=ada@example.com", 200),
        ("verify", None, "/verify?token=abc", 200),
        ("verify-broken", None, "/verify", 200),
        ("resend", None, "/verify/resend", 200),
        ("forgot", None, "/forgot-password", 200),
        ("reset", None, "/reset-password?token=abc", 200),
        ("not-found", None, "/nothing-here", 404),
        ("announced-not-orderable", None, "/buy/hosting-start", 404),
        ("fault", None, "/preview/fault", 500),
    ]
    ada: list[Shot] = [
        ("dashboard", "ada", "/dashboard", 200),
        ("configure-signed-in", "ada", "/buy/vps-s", 200),
        ("orders", "ada", "/orders", 200),
        *((name.replace("_", "-"), "ada", f"/orders/{ids[name]}", 200) for name in sorted(ids) if name in _ORDERS),
        ("order-returned", "ada", f"/orders/{ids['order_awaiting_payment']}?checkout=success", 200),
        ("services", "ada", "/services", 200),
        *((name.replace("_", "-"), "ada", f"/services/{ids[name]}", 200) for name in sorted(ids) if name in _SERVICES),
        ("invoices", "ada", "/invoices", 200),
        ("invoice-paid", "ada", f"/invoices/{ids['invoice_paid']}", 200),
        ("invoice-open", "ada", f"/invoices/{ids['invoice_open']}", 200),
        ("tickets", "ada", "/tickets", 200),
        ("ticket-new", "ada", "/tickets/new", 200),
        ("ticket", "ada", f"/tickets/{ids['ticket_answered']}", 200),
        ("account", "ada", "/account", 200),
        ("forbidden", "ada", "/console", 403),
    ]
    neo: list[Shot] = [
        ("dashboard-empty", "neo", "/dashboard", 200),
        ("orders-empty", "neo", "/orders", 200),
        ("services-empty", "neo", "/services", 200),
        ("invoices-empty", "neo", "/invoices", 200),
        ("tickets-empty", "neo", "/tickets", 200),
    ]
    many: list[Shot] = [
        ("dashboard-many", "many", "/dashboard", 200),
        ("orders-many", "many", "/orders", 200),
        ("services-many-older", "many", "/services?cursor=25", 200),
        ("order-long", "many", f"/orders/{ids['order_long']}", 200),
        ("service-long", "many", f"/services/{ids['service_long']}", 200),
    ]
    staff: list[Shot] = [
        ("console", "staff", "/console", 200),
        ("console-orders", "staff", "/console/orders", 200),
        ("console-order", "staff", f"/console/orders/{ids['order_pair']}", 200),
        ("console-order-review", "staff", f"/console/orders/{ids['order_under_review']}", 200),
        ("console-plans", "staff", "/console/plans", 200),
        ("console-jobs", "staff", "/console/provisioning?q=example.com", 200),
        ("console-job-dead", "staff", f"/console/provisioning/{ids['job_dead']}", 200),
        ("console-services", "staff", "/console/services", 200),
        ("console-service", "staff", f"/console/services/{ids['service_failed']}", 200),
        ("console-events", "staff", "/console/stripe-events", 200),
        ("console-event", "staff", f"/console/stripe-events/{ids['event_dead']}", 200),
        ("console-dead-letters", "staff", "/console/dead-letters", 200),
        ("console-notifications", "staff", "/console/notifications", 200),
        ("console-tickets", "staff", "/console/tickets?status=closed", 200),
        ("console-ticket", "staff", f"/console/tickets/{ids['ticket_answered']}", 200),
    ]
    return [*anyone, *ada, *neo, *many, *staff]


_ORDERS = frozenset(
    f"order_{state}"
    for state in (
        "awaiting_payment", "declined", "under_review", "provisioning", "delayed", "failed", "fulfilled", "pair",
        "canceled", "expired",
    )
)  # fmt: skip
_SERVICES = frozenset(
    f"service_{state}" for state in ("active", "stopped", "provisioning", "delayed", "failed", "suspended")
)
