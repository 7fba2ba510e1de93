"""What runs.

Owns: resources and their history, jobs and their steps, the connectors to providers.
Publishes: resource.activated, resource.failed.
Consumes: catalog.entitlement.granted.
Promises: one entitlement becomes exactly one machine, whatever is killed, repeated or away meanwhile; a service shown
as active was seen running; a customer cannot start what is not active.
Never does: decide what somebody is entitled to, speak of money, or make a machine again that has vanished.
"""
