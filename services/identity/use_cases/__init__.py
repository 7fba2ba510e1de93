"""The table of contents of what this context can do.

registering      sign_up · request_verification · verify_email · open_account · find_user
signing_in       begin_sign_in · complete_sign_in
sessions         resolve_session · end_session · end_sessions_of
resetting        request_password_reset · check_reset · complete_password_reset
verifying        issue · find · take · void_pending (for the two above) · link_of
throttling       admit · forgive · forgive_event
seeding          ensure_person
forgetting       forget_what_is_over
"""
