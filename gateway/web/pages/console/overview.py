"""What needs a person right now, across every service."""

import asyncio

from starlette.responses import Response

from gateway.web.pages.route import STAFF, get
from gateway.web.upstream import Model, Service
from gateway.web.visit import Visit
from shared.contracts.reads.billing import BillingOverview
from shared.contracts.reads.catalog import CatalogOverview
from shared.contracts.reads.provisioning import ProvisioningOverview
from shared.contracts.reads.support import SupportOverview


async def overview(visit: Visit) -> Response:
    """Three reads; support's part comes when it is asked for, and is a page of its own without scripts."""
    catalog, provisioning, billing = await asyncio.gather(
        _of(visit, "staff.orders.read", "catalog", CatalogOverview),
        _of(visit, "staff.services.read", "provisioning", ProvisioningOverview),
        _of(visit, "staff.billing.read", "billing", BillingOverview),
    )
    return visit.render("console/overview.html", catalog=catalog, provisioning=provisioning, billing=billing)


async def _of(visit: Visit, permission: str, service: Service, model: type[Model]) -> Model | None:
    if not visit.may(permission):
        return None
    return await visit.read_or_none(service, f"/api/v1/staff/overview/{service}", model)


async def support(visit: Visit) -> Response:
    found = await visit.read("support", "/api/v1/staff/overview/support", SupportOverview)
    return visit.panel("console/_support.html", "Support", support=found)


ROUTES = (
    get("/console", overview, STAFF),
    get("/console/overview/support", support, "staff.tickets.read"),
)
