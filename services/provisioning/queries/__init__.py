"""Reads for lists and screens.

scope      whose services a query may see
services   what somebody owns, for customers (theirs) and staff (all)
shown      resources as they are shown: state, attributes, actions
timeline   what happened to a service, in its owner's words
jobs       the work behind it, for staff
providers  providers, the switch over them, and what needs a person
search     what staff type into a search field
drift      our books, for comparing them with a provider's list
"""
