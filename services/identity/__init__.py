"""Who you are.

Owns: users, accounts (teams) and who belongs to them, staff, sessions, verifications, sign-in attempts.
Publishes: user.registered, verification.requested.
Consumes: nothing.
Promises: nobody learns from an answer, its words or its timing whether an address is known; a revoked session is
    refused at the next request; a link works once, and only the newest password reset works.
Never: stores a password, a session token or a link in a readable form; sends mail itself.
"""
