"""Every page in every state, by a readable name: (name, who opens it, address, HTTP status)."""

from tests.web.fake_data import World

Shot = tuple[str, str | None, str, int]


def pages_of_everyone(world: World) -> list[Shot]:
    """Every page once: without those who see the same with less on it."""
    return [shot for shot in every_page(world) if shot[1] not in {"rita", "tom", "sue", "fin", "ops"}]


def every_page(world: World) -> list[Shot]:
    ids = world.named
    anyone: list[Shot] = [
        ("home", None, "/", 200),
        ("pricing", None, "/pricing", 200),
        ("pricing-yearly-usd", None, "/pricing?interval=year&currency=USD", 200),
        ("configure", None, "/buy/vps-l?interval=year", 200),
        ("configure-unknown-type", None, "/buy/postcard", 200),
        ("sign-in", None, "/sign-in?next=/buy/vps-s", 200),
        ("sign-up", None, "/sign-up", 200),
        ("check-your-mail", None, "/check-your-mail?email=ada@example.com", 200),
        ("check-your-mail-reset", None, "/check-your-mail?email=ada@example.com&for=reset&next=/buy/vps-s", 200),
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
        ("dashboard-tickets", "ada", "/dashboard/tickets", 200),
        ("dashboard-invoices", "ada", "/dashboard/invoices", 200),
        ("configure-signed-in", "ada", "/buy/vps-s", 200),
        ("orders", "ada", "/orders", 200),
        *((name.replace("_", "-"), "ada", f"/orders/{ids[name]}", 200) for name in sorted(ids) if name in _ORDERS),
        ("order-returned", "ada", f"/orders/{ids['order_awaiting_payment']}?checkout=success", 200),
        ("services", "ada", "/services", 200),
        ("services-stopped", "ada", "/services?state=stopped&q=worker", 200),
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
    others: list[Shot] = [
        ("configure-read-only", "rita", "/buy/vps-s", 200),
        ("order-read-only", "rita", f"/orders/{ids['order_awaiting_payment']}", 200),
        ("service-read-only", "rita", f"/services/{ids['service_active']}", 200),
        ("account-read-only", "rita", "/account", 200),
        ("dashboard-read-only", "rita", "/dashboard", 200),
        ("ticket-read-only", "rita", f"/tickets/{ids['ticket_answered']}", 200),
        ("order-declined-technical", "tom", f"/orders/{ids['order_declined']}", 200),
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
        ("order-farm", "many", f"/orders/{ids['order_farm']}", 200),
        ("order-long", "many", f"/orders/{ids['order_long']}", 200),
        ("service-long", "many", f"/services/{ids['service_long']}", 200),
    ]
    staff = [(name, "staff", path, 200) for name, path in _console(ids)]
    # Every other role of staff meets the same pages with less on them.
    roles = [
        (f"{name}-{who}", who, path, 200)
        for who in ("sue", "fin", "ops")
        for name, path in _console(ids)
        if name not in _OF_WRITERS or who == "ops"
    ]
    return [*anyone, *ada, *others, *neo, *many, *staff, *roles]


def _console(ids: dict[str, str]) -> list[tuple[str, str]]:
    return [
        ("console", "/console"),
        ("console-support", "/console/overview/support"),
        ("console-orders", "/console/orders"),
        ("console-orders-found", "/console/orders?status=fulfilled&q=many@example.com&cursor=25"),
        ("console-order", f"/console/orders/{ids['order_pair']}"),
        ("console-order-mixed", f"/console/orders/{ids['order_mixed']}"),
        ("console-order-review", f"/console/orders/{ids['order_under_review']}"),
        ("console-plans", "/console/plans"),
        ("console-plan", "/console/plans/pln_vpss"),
        ("console-jobs", "/console/provisioning?q=example.com"),
        ("console-job-dead", f"/console/provisioning/{ids['job_dead']}"),
        ("console-services", "/console/services"),
        ("console-service", f"/console/services/{ids['service_failed']}"),
        ("console-providers", "/console/providers"),
        ("console-provider-new", "/console/providers/new"),
        ("console-provider", f"/console/providers/{ids['provider_open']}"),
        ("console-events", "/console/stripe-events"),
        ("console-event", f"/console/stripe-events/{ids['event_dead']}"),
        ("console-event-done", f"/console/stripe-events/{ids['event_done']}"),
        ("console-ledger", "/console/ledger"),
        ("console-dead-letters", "/console/dead-letters"),
        ("console-dead-letters-one", "/console/dead-letters/support"),
        ("console-notifications", "/console/notifications"),
        ("console-tickets", "/console/tickets?status=closed"),
        ("console-ticket", f"/console/tickets/{ids['ticket_answered']}"),
    ]


_OF_WRITERS = frozenset({"console-provider-new", "console-provider"})
_ORDERS = frozenset(
    f"order_{state}"
    for state in (
        "awaiting_payment", "declined", "under_review", "provisioning", "delayed", "failed", "fulfilled", "pair",
        "canceled", "expired", "mixed",
    )
)  # fmt: skip
_SERVICES = frozenset(
    f"service_{state}"
    for state in ("active", "stopped", "provisioning", "delayed", "failed", "suspended", "unknown_type")
)
