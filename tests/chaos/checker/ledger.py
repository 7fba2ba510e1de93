"""I4 and I6 in the ledger: every entry balances, and what it holds is what Stripe itself lists."""

from collections import Counter, defaultdict

from tests.chaos.checker.evidence import Evidence, Row
from tests.chaos.checker.findings import Line

# Account and currency.
Purse = tuple[str, str]
# What speaks of credit and is looked at here: the ledger's account of it, and what moves it.
_READ = ("billing.credit_note", "billing.invoices.balance_applied_minor")
_CREDIT_WORDS = ("credit", "wallet", "prepaid", "balance")


def look_at_the_ledger(evidence: Evidence, line: Line) -> str:
    """Adds to I4 what the ledger breaks; says what it holds."""
    postings, entries = evidence.tables["billing.postings"], _entries(evidence)
    sums: Counter[tuple[str, str]] = Counter()
    for posting in postings:
        sums[(posting["entry_id"], posting["currency"])] += posting["amount_minor"]
    unequal = [f"{entry} {currency}" for (entry, currency), rest in sums.items() if rest]
    line.breaks("entries that do not balance", unequal)
    line.breaks("entries without postings", sorted(entries.keys() - {entry for entry, _currency in sums}))
    facts = Counter((row["kind"], row["stripe_id"]) for row in entries.values())
    line.breaks("facts booked twice", [f"{kind} {name}" for (kind, name), times in facts.items() if times > 1])
    line.lacks("kept at Stripe and in the clearing account differ", _clearing_differs(evidence))
    line.lacks("invoices not settled as they are at Stripe", _invoices_differ(evidence))
    holds: Counter[str] = Counter()
    for posting in postings:
        if posting["account"] == "stripe_clearing":
            holds[posting["currency"]] += posting["amount_minor"]
    said = ", ".join(f"{currency} {amount}" for currency, amount in sorted(holds.items())) or "nothing"
    return f"{len(entries)} entries, {said} in clearing"


def i6_credit(evidence: Evidence) -> Line:
    """A customer's credit is what was captured and no invoice has used: never below nothing, and as Stripe has it."""
    line = Line("I6", "credit is never negative and is the sum of its entries", settled=evidence.settled)
    entries, held = _entries(evidence), Counter[Purse]()
    for posting in evidence.tables["billing.postings"]:
        if posting["account"] == "customer_credit":
            account = _account(evidence, entries[posting["entry_id"]])
            held[(account, posting["currency"])] -= posting["amount_minor"]
    left: Counter[Purse] = Counter()
    for charge in _charges(evidence):
        left[_purse(evidence, charge)] += charge["amount_captured"]
    for invoice in _invoices(evidence):
        if invoice["status"] == "paid":
            left[_purse(evidence, invoice)] -= invoice["amount_paid"] + _applied(invoice)
    line.counted = f"{len(held)} purses, {sum(amount > 0 for amount in held.values())} with credit"
    line.lacks("credit below zero", [f"{purse}: {amount}" for purse, amount in held.items() if amount < 0])
    line.lacks(
        "credit is not what was captured and not used",
        [
            f"{account} {currency}: {left[(account, currency)]} there, {held[(account, currency)]} here"
            for account, currency in sorted({*held, *left})
            if held[(account, currency)] != left[(account, currency)]
        ],
    )
    others = [name for name in _speaks_of_credit(evidence) if not name.startswith(_READ)]
    line.breaks("credit exists and nothing here checks it", others)
    return line


def _speaks_of_credit(evidence: Evidence) -> list[str]:
    """The tables and columns whose names say that they hold credit."""

    def speaks(name: str) -> bool:
        return any(word in name for word in _CREDIT_WORDS)

    tables = {f"{schema}.{table}" for schema, table, _ in evidence.columns if speaks(table)}
    columns = {f"{schema}.{table}.{column}" for schema, table, column in evidence.columns if speaks(column)}
    return sorted(tables | columns)


def _entries(evidence: Evidence) -> dict[str, Row]:
    return {row["id"]: row for row in evidence.tables["billing.entries"]}


def _charges(evidence: Evidence) -> list[Row]:
    ours = evidence.stripe.account_of
    return [row for row in evidence.stripe.charges if row["customer"] in ours and row["captured"] and row["paid"]]


def _invoices(evidence: Evidence) -> list[Row]:
    return [row for row in evidence.stripe.invoices if row["customer"] in evidence.stripe.account_of]


def _purse(evidence: Evidence, item: Row) -> Purse:
    return evidence.stripe.account_of[item["customer"]], item["currency"].upper()


def _applied(invoice: Row) -> int:
    before, after = invoice.get("starting_balance"), invoice.get("ending_balance")
    return after - before if before is not None and after is not None else 0


def _account(evidence: Evidence, entry: Row) -> str:
    row = evidence.payments.get(entry["charge"]) if entry["charge"] else evidence.invoices.get(entry["invoice"])
    return str(row["account_id"]) if row else f"nobody ({entry['kind']} {entry['stripe_id']})"


def _clearing_differs(evidence: Evidence) -> list[str]:
    """Per charge: captured, less refunded, less what a dispute has taken."""
    kept = {row["id"]: row["amount_captured"] for row in _charges(evidence)}
    for refund in evidence.stripe.refunds:
        if refund["charge"] in kept and refund["status"] not in ("failed", "canceled"):
            kept[refund["charge"]] -= refund["amount"]
    taken: dict[str, Row] = {}
    back = set()
    for event in evidence.stripe.events:
        dispute = event["data"]["object"]
        if event["type"] == "charge.dispute.funds_withdrawn":
            taken[dispute["id"]] = dispute
        elif event["type"] == "charge.dispute.funds_reinstated":
            back.add(dispute["id"])
    for dispute in taken.values():
        if dispute["charge"] in kept and dispute["id"] not in back:
            kept[dispute["charge"]] -= dispute["amount"]
    entries, cleared = _entries(evidence), Counter[str]()
    for posting in evidence.tables["billing.postings"]:
        entry = entries[posting["entry_id"]]
        if posting["account"] == "stripe_clearing" and entry["kind"] != "fee":
            cleared[entry["charge"]] += posting["amount_minor"]
    return [
        f"{charge}: {kept.get(charge, 0)} there, {cleared[charge]} here"
        for charge in sorted({*kept, *cleared})
        if kept.get(charge, 0) != cleared[charge]
    ]


def _invoices_differ(evidence: Evidence) -> list[str]:
    """Per invoice: what is owed of it by the ledger, and what Stripe says is left to pay."""
    entries, owed = _entries(evidence), defaultdict[str, int](int)
    for posting in evidence.tables["billing.postings"]:
        entry = entries[posting["entry_id"]]
        if posting["account"] == "receivables" and entry["invoice"]:
            owed[entry["invoice"]] += posting["amount_minor"]
    open_ones = ("open", "uncollectible")
    left = {row["id"]: row["total"] - _applied(row) if row["status"] in open_ones else 0 for row in _invoices(evidence)}
    return [
        f"{invoice}: {left.get(invoice, 0)} there, {owed[invoice]} here"
        for invoice in sorted({*left, *owed})
        if left.get(invoice, 0) != owed[invoice]
    ]
