"""The table of contents of what this context can do.

contacts         remember_person · remember_service · reach_of
conversations    open_ticket · customer_replies · staff_answers · staff_notes · close_ticket
notifying        notify · send · welcome · confirm_payment · ask_to_verify
delays           report_delay
forgetting       forget_sent_mails
"""
