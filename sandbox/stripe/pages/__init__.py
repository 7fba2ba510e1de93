"""What a person sees: hosted Checkout, hosted invoices, and the sandbox's own front page."""
