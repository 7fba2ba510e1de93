"""People.

Owns: tickets and what is said in them, notifications (mail), and what it needs to know of others: whom to write to,
    and what their services are called.
Publishes: nothing.
Consumes: identity.user.registered, identity.verification.requested, billing.invoice.paid, provisioning.resource.*.
Promises: one mail per reason, sent again after a failure under the same Message-ID; a mail that cannot be sent holds
    up nothing else; a customer sees neither the tickets of others nor the notes of staff.
Never: keeps a secret link; decides anything about orders, money or services.
"""
