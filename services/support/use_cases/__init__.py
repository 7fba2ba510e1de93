"""The table of contents of what this context can do.

contacts         remember_person · remember_caller · remember_service · reach_of
conversations    tickets_of · open_ticket · customer_replies · customer_closes · staff_answers · staff_notes ·
                 staff_closes
notifying        notify · ask_to_verify · confirm_payment · welcome · MailSender (sends what was written down)
delays           report_delay
forgetting       forget_sent_mails
"""
