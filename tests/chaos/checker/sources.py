"""Where the truth is read: the database, Stripe, the hypervisor, the mails."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Sources:
    """Addresses and keys of everything the checker reads. It writes to none of them.

    `database_url` is a superuser's (postgresql://…): the checker reads all five schemas. `stripe_key` is the API key,
    `hypervisor_token` the whole value after "PVEAPIToken=".
    """

    database_url: str
    stripe_url: str
    stripe_key: str
    hypervisor_url: str
    hypervisor_token: str
    mail_url: str
