"""`make demo`: each capability over the public API alone, the way a customer's own program would use it.

vps     one server: ordered three times with one key, paid, running, welcomed once
mixed   two monthly servers and a yearly one with a set-up fee: one page to pay on, two subscriptions
keys    a server that its owner can enter: an SSH key of the account is on it
life    staff suspend a server, resume it, end it and restore it; its customer cannot start it meanwhile
"""

from ez.demo.steps import Api, Away, DemoFailed, Place, sign_up

__all__ = ["Api", "Away", "DemoFailed", "Place", "sign_up"]
