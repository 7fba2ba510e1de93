"""P3: 1,000 webhooks a second for half a minute, as they come, with repeats and forgeries, API and worker running.

Nothing may be lost, every event is stored once with the very bytes that were signed, no forgery is stored, and the
answer comes soon: Stripe publishes no limit, so 20 ms at the 99th percentile is our own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.database import execute, rows
from bench.lab import Lab, Measure
from bench.measure import median, quotient, reaches
from bench.product import Product
from bench.traffic import open_loop

RATE = 1000.0
LONGEST_P99 = 20.0


@dataclass(frozen=True, slots=True)
class Books:
    """What was sent against what is stored."""

    new: int
    lost: int
    altered: int
    forged_stored: int
    unexpected: int
    unanswered: int

    @property
    def balanced(self) -> bool:
        """Whether every promise held."""
        return not (self.lost or self.altered or self.forged_stored or self.unexpected or self.unanswered)


def compare(sent: Sequence[tuple[str, int, str, str]], stored: dict[str, str]) -> Books:
    """`sent` are kind, status, id and digest of every delivery; `stored` are the digests by id."""
    new = {identity: digest for kind, _status, identity, digest in sent if kind == "new"}
    forged = {identity for kind, _status, identity, _digest in sent if kind == "forged"}
    return Books(
        new=len(new),
        lost=len(new.keys() - stored.keys()),
        altered=sum(1 for identity, digest in new.items() if stored.get(identity, digest) != digest),
        forged_stored=len(forged & stored.keys()),
        unexpected=len(stored.keys() - new.keys() - forged),
        unanswered=sum(1 for kind, status, _id, _digest in sent if status != (400 if kind == "forged" else 200)),
    )


async def _round(lab: Lab, product: Product, number: int, seconds: float) -> tuple[dict[str, Any], Books]:
    await execute(product.admin_url, "TRUNCATE billing.stripe_events", "CHECKPOINT")
    out = lab.directory / "sent"
    said = await open_loop(
        out, product.ports["billing"], product.webhook_secret, rate=RATE, seconds=seconds, run=f"open{number:02d}"
    )
    found = await rows(product.admin_url, "SELECT id, md5(payload) AS digest FROM billing.stripe_events")
    books = compare(_read(out), {row["id"]: row["digest"] for row in found})
    return said, books


def _read(path: Path) -> list[tuple[str, int, str, str]]:
    fields = [line.split(" ") for line in path.read_text().splitlines()]
    return [(kind, int(status), identity, digest) for kind, status, identity, digest in fields]


async def run(lab: Lab, rounds: int) -> list[Measure]:
    """Rounds of 30 s."""
    product = await lab.product("open_loop")
    product.serve("billing")
    await product.ready()
    seconds = 3.0 if lab.quick else 30.0
    await _round(lab, product, 0, 1.0)  # connections and caches are warm from here on
    alone, _books = await _round(lab, product, 99, seconds / 3)
    lab.say(f"P3 the API alone: p50 {alone['p50']:.1f} ms, p99 {alone['p99']:.1f} ms")
    product.work("billing")
    await product.ready()
    seen: list[tuple[dict[str, Any], Books]] = []
    for number in range(1, rounds + 1):
        seen.append(await _round(lab, product, number, seconds))
        said, books = seen[-1]
        lab.say(
            f"P3 round {number}: p50 {said['p50']:.1f} ms, p99 {said['p99']:.1f} ms, longest {said['longest']:.0f} ms; "
            f"{books.new} events, {books.lost} lost, {said['answers']}"
        )
    await product.stop()
    p99 = median([said["p99"] for said, _books in seen])
    ratio = quotient(p99, LONGEST_P99)
    balanced = all(books.balanced for _said, books in seen)
    detail = {
        "rate": RATE,
        "seconds": seconds,
        "the API alone, a third as long": alone,
        "rounds": [{**said, "books": _told(books)} for said, books in seen],
    }
    note = ""
    if not balanced:
        note = "the books do not balance: see the details"
    elif not reaches(ratio, 1.0, at_most=True):
        note = f"with nobody processing what is stored, p99 is {alone['p99']:.1f} ms: the worker takes the cores"
    return [
        Measure("P3", "intake, open loop, 1,000/s with 10 % repeats and 1 % forgeries; p99",
                "20 ms, none lost, each stored once", "ms", p99, LONGEST_P99, ratio, 1.0,
                balanced and reaches(ratio, 1.0, at_most=True), detail, note, at_most=True)
    ]  # fmt: skip


def _told(books: Books) -> str:
    if books.balanced:
        return f"{books.new} events, each stored once, none lost"
    return str(books)
