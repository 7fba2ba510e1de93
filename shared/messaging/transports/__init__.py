"""How envelopes travel: RabbitMQ in production, in memory inside one process. One contract suite holds both."""
