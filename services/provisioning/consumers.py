"""What this context does when others' facts arrive; each calls one use case."""

from services.provisioning.use_cases.deliver import deliver_entitlement
from shared.contracts.catalog import EntitlementGranted
from shared.messaging import Handlers


def handlers() -> Handlers:
    """Fact → use case."""
    return {EntitlementGranted: deliver_entitlement}
