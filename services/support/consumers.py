"""What this context does when others' facts arrive; each calls one use case."""

from services.support.use_cases import life
from services.support.use_cases.contacts import remember_account, remember_person
from services.support.use_cases.delays import report_delay
from services.support.use_cases.notifying import ask_to_verify, confirm_payment, welcome
from shared.contracts import billing, identity, provisioning
from shared.messaging import Handlers


def handlers() -> Handlers:
    """One use case per fact."""
    return {
        identity.UserRegistered: remember_person,
        identity.AccountDescribed: remember_account,
        identity.VerificationRequested: ask_to_verify,
        billing.InvoicePaid: confirm_payment,
        provisioning.ResourceActivated: welcome,
        provisioning.ResourceFailed: report_delay,
        provisioning.ResourceSuspended: life.tell_suspended,
        provisioning.ResourceResumed: life.tell_resumed,
        provisioning.ResourceTerminated: life.tell_terminated,
        billing.SubscriptionPastDue: life.tell_past_due,
    }
