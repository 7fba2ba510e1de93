"""A mailbox for development: catches every mail over SMTP and shows it at /dev/mail. Nothing ever leaves it.

Like the mail systems it stands in for, it shows a message that was delivered twice under one Message-ID once, and
says how often it came.
"""

from sandbox.mail.app import MailSandbox

__all__ = ["MailSandbox"]
