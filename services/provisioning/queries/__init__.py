"""Reads for lists and screens.

views     the shapes that leave this service
services  what somebody owns, for customers (theirs) and staff (all)
timeline  what happened to a service, in its owner's words
jobs      the work behind it, for staff
drift     our books, for comparing them with a provider's list
"""
