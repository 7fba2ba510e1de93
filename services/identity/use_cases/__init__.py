"""The table of contents of what this context can do.

registering      sign_up · request_verification · verify_email
signing_in       begin_sign_in · complete_sign_in
sessions         resolve_session · end_session · end_sessions_of
resetting        request_password_reset · check_reset · complete_password_reset
verifying        issue · take (shared by the two above) · link_of
throttling       admit · forgive
seeding          ensure_person
forgetting       forget_what_is_over
"""
