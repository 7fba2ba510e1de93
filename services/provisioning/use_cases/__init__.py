"""The table of contents of what this context can do.

deliver     an entitlement was granted: a resource, and the job that brings it into being
run_job     one step of a job begins, ends, waits, is taken back, or ends the job
power       a customer starts, stops or restarts a machine
retry       staff give a job another chance
deadlines   a job has taken too long
drift       what the provider shows differs from our books
"""
