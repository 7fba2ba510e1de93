"""The environment of an embedded instance: the same variables a production deployment sets, on loopback."""

from urllib.parse import quote, urlsplit

OFFSETS = {
    "gateway": 0,
    "identity": 1,
    "billing": 2,
    "catalog": 3,
    "provisioning": 4,
    "support": 5,
    "stripe": 10,
    "hypervisor": 11,
    "smtp": 12,
    "mail": 13,
    "postgres": 20,
}
SERVICES = ("identity", "billing", "catalog", "provisioning", "support")


def ports_from(base: int) -> dict[str, int]:
    """Who listens where, counted from the gateway's port."""
    return {name: base + offset for name, offset in OFFSETS.items()}


def service_database_url(admin_url: str, service: str, password: str) -> str:
    """The administrator's address with the service's own role in it."""
    parts = urlsplit(admin_url)
    user = f"ez_{service}:{quote(password, safe='')}"
    return parts._replace(netloc=f"{user}@{parts.hostname}:{parts.port}").geturl()


def build_environment(ports: dict[str, int], secrets: dict[str, str], admin_url: str) -> dict[str, str]:
    """Every variable the services and the gateway read."""
    public = f"http://127.0.0.1:{ports['gateway']}"
    at = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    values = {
        "EZ_ENVIRONMENT": "local",
        "EZ_TOKEN_KEYS": secrets["token_keys"],
        "EZ_LOG_LEVEL": "INFO",
        "IDENTITY_PUBLIC_URL": public,
        "IDENTITY_LINK_SECRET": secrets["link_secret"],
        "IDENTITY_SIGNING_KEY": secrets["key_identity"],
        "BILLING_PUBLIC_URL": public,
        "BILLING_STRIPE_API_BASE": at["stripe"],
        "BILLING_STRIPE_SECRET_KEY": f"sk_test_{secrets['stripe_key']}",
        "BILLING_STRIPE_WEBHOOK_SECRETS": f"whsec_{secrets['webhook_secret']}",
        "BILLING_STRIPE_LIVEMODE": "false",
        "BILLING_TEST_CLOCKS": "true",
        "CATALOG_BILLING_URL": at["billing"],
        "CATALOG_SIGNING_KEY": secrets["key_catalog"],
        "PROVISIONING_PROXMOX_URL": at["hypervisor"],
        "PROVISIONING_PROXMOX_TOKEN": f"ez@pve!provisioning={secrets['hypervisor_token']}",
        "PROVISIONING_PROXMOX_NODE": "pve1",
        "PROVISIONING_SECRETS_KEY": secrets["seal_provisioning"],
        "SUPPORT_PUBLIC_URL": public,
        "SUPPORT_IDENTITY_URL": at["identity"],
        "SUPPORT_SIGNING_KEY": secrets["key_support"],
        "SUPPORT_SMTP_URL": f"smtp://127.0.0.1:{ports['smtp']}",
        "SUPPORT_MAIL_FROM": "EZ Solutions <hello@ez.example>",
        "GATEWAY_PUBLIC_URL": public,
        "GATEWAY_ALLOWED_HOSTS": "127.0.0.1,localhost",
        "GATEWAY_CHECKOUT_ORIGIN": at["stripe"],
        "GATEWAY_CSRF_SECRET": secrets["csrf_secret"],
        "GATEWAY_SIGNING_KEY": secrets["key_gateway"],
        "GATEWAY_DEV_MAIL_URL": at["mail"],
    }
    for service in SERVICES:
        values[f"{service.upper()}_DATABASE_URL"] = service_database_url(
            admin_url, service, secrets[f"database_{service}"]
        )
        values[f"{service.upper()}_POOL_SIZE"] = "5"
        values[f"GATEWAY_{service.upper()}_URL"] = at[service]
    return values
