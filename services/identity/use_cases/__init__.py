"""What this context can do.

registering   sign-up, and proving that the address is one's own
verifying     the mails that prove control of an address
signing_in    opening a session
confirming    proving again who one is
resetting     a forgotten password
sessions      telling who a token belongs to, and ending sessions
throttling    counting guesses and mails
ssh_keys      an account's public keys
accounts      staff suspend and restore an account
describing    telling the other contexts whose an account is
forgetting    rows that nothing needs any more
staffing      an operator adds and removes members of staff
seeding       people who are there from the start
promises      what is watched in production
"""
