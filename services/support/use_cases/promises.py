"""What support promises, as queries that find who breaks it. Read by the clock once a minute."""

from datetime import timedelta

from shared.web.invariants import Invariant, stuck_facts


def _handled_without_mail(name: str, wire_type: str, key: str, field: str) -> Invariant:
    """I9: a fact counts as handled, and the mail it is the reason for was never written down."""
    return Invariant(
        "I9",
        name,
        f"""
        SELECT fact.id FROM inbox AS fact
        WHERE fact.id BETWEEN :since AND :until AND fact.type = '{wire_type}' AND fact.state = 'done'
          AND NOT EXISTS (
            SELECT FROM notifications AS mail
            WHERE mail.dedupe_key = '{key}:' || (convert_from(fact.body, 'UTF8')::jsonb #>> '{{data,{field}}}')
          )
        """,  # noqa: S608 - constants
        grace=timedelta(minutes=1),
        window=timedelta(hours=6),
    )


INVARIANTS: tuple[Invariant, ...] = (
    stuck_facts(),
    _handled_without_mail("service_not_welcomed", "provisioning.resource.activated.v1", "welcome", "resource_id"),
    _handled_without_mail("payment_without_receipt", "billing.invoice.paid.v1", "receipt", "invoice_id"),
    Invariant(
        "I1",
        "second_welcome",
        # One mail per reason is a unique key; two for one service would need two reasons.
        """
        SELECT min(dedupe_key) FROM notifications
        WHERE id > :since AND template IN ('welcome_vps', 'welcome_service')
        GROUP BY context ->> 'service_id' HAVING count(*) > 1
        """,
        window=timedelta(days=2),
    ),
)
