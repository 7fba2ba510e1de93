"""Everything that speaks to the outside world: tables, identity's API, templates, SMTP."""
