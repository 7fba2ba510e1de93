"""The rows of the catalogue: what is done to the system, and what must hold all the same.

Numbers are for ever: a row that goes leaves a gap, a new one gets the next number of its group.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """One row. Tests claim it with `@pytest.mark.fault(number)`."""

    number: int
    injected: str
    holds: str


@dataclass(frozen=True, slots=True)
class Bug:
    """What somebody else shipped. Tests claim it with `@pytest.mark.bug(report)`; `report` is where to read of it."""

    report: str
    happened: str
    holds: str


INTAKE = (
    Fault(
        1,
        "One event delivered fifty times at once, to two processes.",
        "Every delivery is acknowledged; one row, one effect.",
    ),
    Fault(2, "A delivery repeated an hour later under a new signature.", "Acknowledged, and nothing happens."),
    Fault(
        3,
        "A delivery signed with another secret, with no header, an empty one, `v0` only, or a garbled time.",
        "400, no row; signatures are compared in constant time.",
    ),
    Fault(4, "The webhook secret is unset, empty or blank at the start.", "API and worker refuse to start."),
    Fault(
        5,
        "Two secrets while one is being rotated, and headers with two signatures.",
        "Either secret verifies; a removed one verifies nothing.",
    ),
    Fault(6, "A signature older than five minutes, or from the future.", "400 for both."),
    Fault(
        7,
        "The signed body written anew, with one byte changed, a byte order mark, compressed, or chunked.",
        "Only the signed bytes are accepted: otherwise 400 or 415.",
    ),
    Fault(
        8,
        "A body of 2 MB, a body sent byte by byte, one nested thousands deep, one that names its id twice.",
        "413, 408, 400; memory stays bounded; other deliveries are acknowledged meanwhile.",
    ),
    Fault(
        9,
        "An event of an unknown type, of an unknown API version, of the other mode.",
        "Stored and ignored; stored, and its object read in our version; refused. All three are visible.",
    ),
    Fault(
        10,
        "A purchase's events in any order, repeated, an older snapshot after a newer one.",
        "The same final state, whatever the order.",
    ),
    Fault(
        11,
        "A genuine event whose amount, currency, customer or session is not the order's.",
        "Nothing is granted; a person is asked.",
    ),
    Fault(
        12,
        "PostgreSQL dies while deliveries arrive, and comes back.",
        "503 and never 200 for what is not stored; afterwards the next delivery is stored.",
    ),
    Fault(
        13,
        "The process is killed between its commit and its answer.",
        "The repeat is recognised; one effect.",
    ),
    Fault(
        14,
        "An event whose handler always crashes.",
        "Bounded tries with growing waits, then dead with its reason; others flow; a replay works.",
    ),
    Fault(16, "A flood of forged deliveries.", "No row, and every genuine delivery is acknowledged."),
)

MESSAGING = (
    Fault(
        17, "RabbitMQ is killed under load and started again.", "Intake goes on; the outbox drains; nothing is lost."
    ),
    Fault(
        18,
        "The broker never confirms, refuses, or closes the channel in the middle of a batch.",
        "The facts stay and are published again under the same ids.",
    ),
    Fault(
        19,
        "The relay is killed after publishing and before marking.",
        "The repeat carries the same ids and is dropped.",
    ),
    Fault(
        20,
        "Two relays, and a transaction with a lower id that commits late.",
        "No fact is skipped; facts of one subject keep their order.",
    ),
    Fault(21, "A consumer is killed at every point between delivery and acknowledgement.", "One effect."),
    Fault(
        22,
        "A slow consumer, a long backlog, a queue that is full, a broker that blocks its publishers.",
        "Facts wait in bounded memory, none is lost, and the delay shows.",
    ),
    Fault(
        23,
        "A message nobody can read, of a wrong version, with unknown fields.",
        "Set aside with its reason while others flow; unknown fields are ignored.",
    ),
    Fault(
        24,
        "PostgreSQL stops at once, freezes, or has no space left.",
        "No half state; connections recover; readiness turns red and green again.",
    ),
    Fault(
        25,
        "Deadlocks and serialization failures in one transaction of twenty.",
        "Tried again inside; nobody outside sees them.",
    ),
    Fault(26, "The hypervisor creates the machine and its answer is lost.", "The next try finds it: one machine."),
    Fault(33, "A lease runs out while its slow worker still runs.", "The late write is refused."),
    Fault(
        36, "A random schedule of all of this, from a printed seed.", "The books balance; a seed that fails repeats."
    ),
)

FAULTS = (*INTAKE, *MESSAGING)

BUGS = (
    Bug(
        "vultr/whmcs-vultr #88",
        "A customer clicked eight times and got eight machines for one payment.",
        "Eight clicks, one machine.",
    ),
    Bug(
        "FOSSBilling/FOSSBilling #1086",
        "The provider timed out after creating; the order stayed stuck because its account already existed.",
        "What was created is found and adopted, and the order is fulfilled.",
    ),
    Bug(
        "FOSSBilling/FOSSBilling #3106",
        "Webhook and cron both renewed one paid period (see also #3345).",
        "Clock jobs run in one process at a time, and one paid period is recorded once.",
    ),
    Bug(
        "frappe/payments #240",
        "An event that failed once was taken for a duplicate ever after.",
        "A failed event is tried again until it has had its effect.",
    ),
    Bug(
        "Paymenter/Paymenter #1307",
        "A mail that could not be sent rolled the payment back.",
        "A payment stands whatever becomes of its mail.",
    ),
    Bug(
        "GHSA-v6g5-fc72-rxg9",
        "With an empty secret anybody's signature was valid.",
        "An empty secret stops the start and verifies nothing.",
    ),
    Bug(
        "CVE-2026-9189",
        "An order counted as paid without a look at the amount.",
        "Money that differs from the order's pays nothing.",
    ),
    Bug(
        "frappe/press #277",
        "A late event made a paid invoice unpaid again.",
        "Paid stays paid, whatever arrives afterwards.",
    ),
    Bug(
        "Panelica/pnlcs",
        "Every retry of a creation asked for a new machine id, and left a machine behind.",
        "The id is reserved once and every retry uses it.",
    ),
    Bug(
        "FOSSBilling/Proxmox #19",
        "A customer started a suspended machine again.",
        "A service that is not active cannot be started by its customer, by any route.",
    ),
    Bug(
        "Paymenter/Paymenter #455",
        "A service was active before its server existed.",
        "Active is said only after the running machine was seen.",
    ),
    Bug(
        "polarsource/polar",
        "A crash between commit and enqueue lost the job.",
        "Work is a row of the same commit; a worker finds it without being told.",
    ),
    Bug(
        "dotnet/eShop",
        "A message was acknowledged although its handler had failed.",
        "What failed is kept with its reason and handled again.",
    ),
)
