"""Who may do what, in one vocabulary: every route demands one of these, and roles are sets of them.

A permission is `thing.verb`. Those of staff begin with `staff.` and reach every account; the others reach only the
account the caller acts for. A token carries the permissions themselves, so that what a key may do need not be a role.
"""

from collections.abc import Iterable

STAFF = "staff."

# What any signed-in person may do about themselves, with or without an account.
PERSONAL: dict[str, str] = {
    "self.read": "see one's own profile and sessions",
    "self.write": "change one's own profile, end one's own sessions, prove again who one is",
}

# What a member of an account may do for it.
ACCOUNT: dict[str, str] = {
    "orders.read": "see orders and their timelines",
    "orders.place": "place, pay and cancel orders",
    "services.read": "see services and their timelines",
    "services.power": "start, stop and restart",
    "services.manage": "change, suspend, end and restore services",
    "keys.read": "see the account's SSH keys",
    "keys.write": "add and remove the account's SSH keys",
    "billing.read": "see invoices, subscriptions and payments",
    "tickets.read": "see tickets",
    "tickets.write": "open, answer and close tickets",
}

# What staff may do, for every account.
FOR_STAFF: dict[str, str] = {
    "staff.orders.read": "see every order",
    "staff.payments.accept": "decide that a payment under review pays its order",
    "staff.services.read": "see every service, its jobs and what was asked of its provider",
    "staff.services.power": "start, stop and restart any service",
    "staff.services.manage": "suspend, resume, change, end and restore any service",
    "staff.jobs.retry": "give a job another chance",
    "staff.providers.read": "see providers and their capacity",
    "staff.providers.write": "add, change, pause and open providers",
    "staff.switches.write": "stop and allow all writes to providers, or all mail",
    "staff.plans.read": "see every plan in every state",
    "staff.plans.write": "publish, reprice and retire plans",
    "staff.billing.read": "see Stripe's events, payments and the ledger",
    "staff.billing.replay": "process an event of Stripe again",
    "staff.billing.refund": "give money back",
    "staff.clock.move": "move an account's business time (test mode)",
    "staff.tickets.read": "see every ticket",
    "staff.tickets.write": "answer and close any ticket",
    "staff.mail.read": "see every mail that was sent",
    "staff.letters.read": "see facts and work that gave up or wait",
    "staff.letters.replay": "give a fact or work that gave up another chance",
    "staff.people.read": "see customers and their accounts",
    "staff.people.write": "suspend and restore accounts",
    "staff.audit.read": "see who did what",
}

VOCABULARY: dict[str, str] = {**PERSONAL, **ACCOUNT, **FOR_STAFF}

_READING = frozenset(name for name in ACCOUNT if name.endswith(".read"))
_TICKETS = frozenset({"tickets.read", "tickets.write"})

# The roles of an account's members.
ROLES: dict[str, frozenset[str]] = {
    "owner": frozenset(ACCOUNT),
    "admin": frozenset(ACCOUNT),
    "billing": _READING | _TICKETS | {"orders.place"},
    "technical": _READING | _TICKETS | {"services.power", "services.manage", "keys.write"},
    "read_only": _READING,
}

_STAFF_READING = frozenset(name for name in FOR_STAFF if name.endswith(".read"))

# The roles of staff.
STAFF_ROLES: dict[str, frozenset[str]] = {
    "admin": frozenset(FOR_STAFF),
    "support": _STAFF_READING | {"staff.tickets.write", "staff.services.power"},
    "finance": _STAFF_READING
    | {"staff.payments.accept", "staff.billing.replay", "staff.billing.refund", "staff.people.write"},
    "operations": _STAFF_READING
    | {
        "staff.services.power",
        "staff.services.manage",
        "staff.jobs.retry",
        "staff.providers.write",
        "staff.switches.write",
        "staff.billing.replay",
        "staff.letters.replay",
    },
}


def permissions_of(role: str | None, staff_roles: Iterable[str] = (), *, suspended: bool = False) -> frozenset[str]:
    """Everything a person with this role in their account and these staff roles may do.

    A role nobody knows (from a newer version, say) gives nothing. Of a suspended account its people may read, and
    write to us.
    """
    of_account = ROLES.get(role or "", frozenset())
    granted = set(PERSONAL) | (of_account & (_READING | _TICKETS) if suspended else of_account)
    for name in staff_roles:
        granted |= STAFF_ROLES.get(name, frozenset())
    return frozenset(granted)
