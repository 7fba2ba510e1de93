"""What an order would cost, without placing it."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from services.catalog.domain import Entitlement
from services.catalog.product_types import ProductTypes
from services.catalog.queries.order_views import money_view, renewal_views
from services.catalog.queries.owned import owned_entitlements
from services.catalog.use_cases.pricing import PricedItem, WantedItem, offers_for, priced
from shared.contracts.reads.catalog import AdviceView, PlanName, QuoteLine, QuoteView
from shared.kernel import Money, Principal


async def quote(
    session: AsyncSession, types: ProductTypes, caller: Principal | None, currency: str, wanted: Sequence[WantedItem]
) -> QuoteView:
    """Checked and priced as the order itself would be. A caller with an account is also told of names they have."""
    lines = priced(await offers_for(session, wanted), types, currency, wanted)
    taken = await _taken(session, caller, lines)
    due: dict[str, Money] = defaultdict(lambda: Money.zero(currency))
    for line in lines:
        due[line.item.interval] += line.item.unit * line.item.quantity
    return QuoteView(
        currency=currency,
        lines=[_line_view(line) for line in lines],
        due_now=money_view(sum((line.item.total for line in lines), Money.zero(currency))),
        renewals=renewal_views(due),
        warnings=[*_advice(lines), *_name_warnings(types, lines, wanted, taken)],
    )


Names = Counter[tuple[str, str]]
"""How often a product type and a name occur together."""


async def _taken(session: AsyncSession, caller: Principal | None, lines: Sequence[PricedItem]) -> Names:
    names = {unit["name"] for line in lines if line.named for unit in line.item.units}
    if caller is None or caller.account_id is None or not caller.may("orders.read") or not names:
        return Counter()
    statement = (
        owned_entitlements(caller)
        .where(Entitlement.name.in_(names), ~Entitlement.is_ended())
        .with_only_columns(Entitlement.product_type, Entitlement.name)
        .limit(len(names) * 10)
    )
    return Counter((row.product_type, row.name) for row in await session.execute(statement))


def _advice(lines: Sequence[PricedItem]) -> list[AdviceView]:
    return [AdviceView(pointer=hint.pointer, detail=hint.detail) for line in lines for hint in line.advice]


def _name_warnings(
    types: ProductTypes, lines: Sequence[PricedItem], wanted: Sequence[WantedItem], taken: Mapping[tuple[str, str], int]
) -> list[AdviceView]:
    """Two things of one name can be ordered, and are hard to tell apart."""
    found = []
    seen: Names = Counter()
    for index, line in enumerate(lines):
        unit = types[line.item.product_type].unit
        for name in [one["name"] for one in line.item.units] if line.named else []:
            key = (line.item.product_type, name)
            if taken.get(key):
                words = f"You already have a {unit} called {name}."
            elif seen[key]:
                words = f"Another {unit} of this order is called {name} too."
            else:
                seen[key] += 1
                continue
            pointer = wanted[index].pointer(index, _naming_key(line, name))
            found.append(AdviceView(pointer=pointer, detail=words))
    return found


def _naming_key(line: PricedItem, name: str) -> str:
    """The field that the name was made from."""
    values = line.item.configuration.items()
    return next((key for key, value in values if value in (line.item.name, name)), "")


def _line_view(line: PricedItem) -> QuoteLine:
    item = line.item
    return QuoteLine(
        plan=PlanName(code=item.plan_code, name=item.plan_name),
        product_type=item.product_type,
        interval=item.interval,
        quantity=item.quantity,
        name=item.name if line.named else "",
        unit=money_view(item.unit),
        setup_fee=money_view(item.setup_fee),
        total=money_view(item.total),
    )
