"""The table of contents of what this context can do.

deliver             an entitlement was granted: a resource, and the job that brings it into being
follow_entitlement  an entitlement is suspended, is resumed, changes, is over, is valid after all
actions             a customer or staff start, stop or restart a service
intend              what becomes of an intent beside what is pending
placement           which provider a new resource goes to
numbers             numbers for things at a provider, each given once
run_job             one step of a job begins, ends, waits, is taken back, or ends the job
conclude            what it means for a resource that a job ended
retry               staff give a job another chance
deadlines           a job has taken too long
removal             what has ended is removed when its grace is over
drift               what the provider shows differs from our books
providers           staff manage providers
switches            staff stop all writes to all providers
one_time_secrets    what is shown once
customers           whose an account is
tools               what all of these are given
"""
