"""`ez seed`: a believable catalogue, and where asked for, a demo customer and a member of staff; safe to repeat."""

from dataclasses import dataclass

from services.catalog.product_types import ProductTypes
from services.catalog.use_cases.seeding import ensure_catalogue
from services.identity.adapters.passwords import PUBLISHED
from services.identity.use_cases.seeding import ensure_person
from shared.web.service import Service


@dataclass(frozen=True, slots=True)
class Login:
    """Somebody who can sign in right after the first start (development only)."""

    email: str
    password: str
    name: str


CUSTOMER = Login("ada@demo.example", PUBLISHED[0], "Ada Demo")
STAFF = Login("staff@demo.example", PUBLISHED[1], "Sam Staff")


class NotInProduction(Exception):
    """The demonstration logins have published passwords; staff are made by `ez staff add`."""


async def seed_catalogue(catalog: Service) -> None:
    """Plans and prices of every product type that this service sells, published."""
    types: ProductTypes = catalog.app.state.product_types
    await catalog.database.run(lambda work: ensure_catalogue(work, types))


async def seed_people(identity: Service) -> None:
    """The demo customer with an account of their own, and a member of staff. Raises NotInProduction there."""
    if identity.app.state.settings.environment == "production":
        raise NotInProduction
    await identity.database.run(
        lambda work: ensure_person(
            work, CUSTOMER.email, CUSTOMER.name, CUSTOMER.password, account_name="Demo Studio", verified=True
        )
    )
    await identity.database.run(
        lambda work: ensure_person(work, STAFF.email, STAFF.name, STAFF.password, staff_roles=("admin",), verified=True)
    )
