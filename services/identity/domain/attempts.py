"""What is counted so that nobody can guess passwords or flood mailboxes: events in a sliding window."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address

from sqlalchemy import BigInteger, Identity, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from services.identity.domain.base import Base
from shared.database import Instant


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `most` events per subject within `window`."""

    bucket: str
    most: int
    window: timedelta


SIGN_IN_PER_EMAIL = Limit("sign_in.email", 10, timedelta(minutes=15))
SIGN_IN_PER_IP = Limit("sign_in.ip", 50, timedelta(minutes=15))
LONGEST_WINDOW = timedelta(hours=1)


class Attempt(Base):
    """One counted event. Its subject (an address, a network) is kept as a hash: counting needs no more."""

    __tablename__ = "attempts"
    __table_args__ = (
        Index("ix_attempts_bucket_subject_at", "bucket", "subject", "at"),
        Index("ix_attempts_at", "at"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    bucket: Mapped[str] = mapped_column(String(20))
    subject: Mapped[bytes] = mapped_column(LargeBinary)
    at: Mapped[datetime] = mapped_column(Instant)


def subject_of(text: str) -> bytes:
    """The hash under which events of `text` are counted."""
    return hashlib.sha256(text.encode()).digest()


def network_of(ip: str) -> str:
    """What counts as one visitor: an IPv4 address, or the /64 that one IPv6 subscriber has (RFC 6177)."""
    address = ip_address(ip)
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(IPv6Address(int(address) >> 64 << 64))
