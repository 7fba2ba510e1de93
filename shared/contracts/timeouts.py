"""How long each waits for the next on the synchronous path, in seconds: always longer than the next one may take.

A caller that gives up first leaves work that goes on unseen, and sees a timeout where there was an answer.
"""

STRIPE_CALLS = 12.0  # billing: all calls to Stripe that opening a payment page takes
PAYMENT_PAGE = STRIPE_CALLS + 4.0  # catalog: billing's answer
SERVICE_ANSWER = PAYMENT_PAGE + 9.0  # the gateway: any service's answer
