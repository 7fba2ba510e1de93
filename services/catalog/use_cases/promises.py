"""What catalog promises, as queries that find which orders break it. Read by the clock once a minute."""

from datetime import timedelta

from shared.web.invariants import Invariant, stuck_facts, told_twice

INVARIANTS: tuple[Invariant, ...] = (
    stuck_facts(),
    told_twice("catalog.entitlement.granted.v1", "catalog.item.delivered.v1", "catalog.order.canceled.v1"),
    Invariant(
        "I1",
        "paid_units_and_entitlements_differ",
        """
        SELECT ordered.id FROM orders AS ordered
        WHERE ordered.id > :since AND ordered.status IN ('paid', 'fulfilled')
          AND (SELECT sum(item.quantity) FROM order_items AS item WHERE item.order_id = ordered.id)
            <> (SELECT count(*) FROM entitlements AS granted WHERE granted.order_id = ordered.id)
        """,
        prefix="ord",
    ),
    Invariant(
        "I1",
        "paid_and_not_fulfilled",
        # Staff know of a delivery that failed, and of rights they suspended or ended; what nobody knows of is an order
        # that simply does not get on.
        """
        SELECT ordered.id FROM orders AS ordered
        WHERE ordered.status = 'paid' AND ordered.paid_at < :until_at
          AND NOT ordered.attention @> '["delivery_failed"]'
          AND NOT EXISTS (
            SELECT FROM entitlements AS granted
            WHERE granted.order_id = ordered.id
            HAVING bool_and(granted.status IN ('suspended', 'ended') OR granted.activated_at IS NOT NULL)
              AND bool_or(granted.activated_at IS NULL))
        """,
        prefix="ord",
        grace=timedelta(minutes=30),
    ),
    Invariant(
        "I2",
        "entitled_without_payment",
        """
        SELECT granted.order_id FROM entitlements AS granted JOIN orders AS ordered ON ordered.id = granted.order_id
        WHERE granted.id > :since AND granted.status <> 'ended' AND ordered.status NOT IN ('paid', 'fulfilled')
        """,
        prefix="ord",
    ),
    Invariant(
        "I3",
        "settled_twice",
        """
        SELECT ordered.id FROM orders AS ordered JOIN payments AS payment ON payment.order_id = ordered.id
        WHERE ordered.id > :since AND payment.outcome = 'settled'
        GROUP BY ordered.id HAVING count(*) > 1
        """,
        prefix="ord",
    ),
    Invariant(
        "I4",
        "paid_without_its_money",
        # A person may accept money that differs; then the history says who.
        """
        SELECT ordered.id FROM orders AS ordered
        WHERE ordered.id > :since AND ordered.status IN ('paid', 'fulfilled')
          AND NOT EXISTS (
            SELECT FROM payments AS payment
            WHERE payment.order_id = ordered.id AND payment.outcome = 'settled'
              AND payment.amount_minor = ordered.total_minor AND payment.currency = ordered.currency)
          AND NOT EXISTS (
            SELECT FROM order_history AS history
            WHERE history.order_id = ordered.id AND history.verb = 'pay' AND history."by" LIKE 'usr\\_%')
        """,
        prefix="ord",
    ),
    Invariant(
        "I7",
        "fulfilled_and_not_active",
        """
        SELECT granted.order_id FROM orders AS ordered JOIN entitlements AS granted ON granted.order_id = ordered.id
        WHERE granted.id > :since AND granted.status IN ('granted', 'delayed') AND ordered.status = 'fulfilled'
          AND NOT EXISTS (
            SELECT FROM entitlement_history AS history
            WHERE history.entitlement_id = granted.id AND history.verb = 'restore_waiting')
        """,
        prefix="ord",
    ),
    Invariant(
        "I9",
        "payment_handled_without_effect",
        # Few orders wait for their payment, so these are compared with what arrived for them.
        """
        SELECT id FROM orders
        WHERE status = 'awaiting_payment' AND checkout_id = ANY (ARRAY(
          SELECT convert_from(fact.body, 'UTF8')::jsonb #>> '{data,checkout_id}' FROM inbox AS fact
          WHERE fact.id BETWEEN :since AND :until AND fact.type = 'billing.checkout.paid.v1' AND fact.state = 'done'))
        """,
        prefix="ord",
        grace=timedelta(minutes=1),
        window=timedelta(hours=6),
    ),
)
