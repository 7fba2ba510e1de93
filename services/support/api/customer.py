"""What people acting for an account may call."""

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.responses import Response

from services.support import queries
from services.support.api.schemas import NewTicket, Reply
from services.support.use_cases import conversations
from services.support.use_cases.conversations import tickets_of
from shared.contracts.reads.base import Page
from shared.contracts.reads.support import MessageView, TicketDetail, TicketView
from shared.database import Database, UnitOfWork
from shared.web.access import Caller, PermissionRouter, customer_router
from shared.web.fields import path_id
from shared.web.idempotency import IdempotencyKeyOptional
from shared.web.pagination import PageQuery

TicketId = path_id("tkt")


def customer_routes(database: Database) -> APIRouter:
    """Tickets of the caller's account."""
    router = customer_router()
    _reading_routes(router, database)
    _talking_routes(router, database)
    return router


def _reading_routes(router: PermissionRouter, database: Database) -> None:
    @router.get("/tickets", permission="tickets.read")
    async def list_tickets(caller: Caller, page: PageQuery) -> Page[TicketView]:
        """The account's tickets, the newest first."""
        async with database.read() as session:
            return await queries.tickets(session, tickets_of(caller), page)

    @router.get("/tickets/{ticket_id}", permission="tickets.read")
    async def get_ticket(ticket_id: TicketId, caller: Caller) -> TicketDetail:  # type: ignore[valid-type]  # made by path_id
        """One ticket with what was said in it."""
        async with database.read() as session:
            ticket = await queries.one_ticket(session, tickets_of(caller), ticket_id)
            return await queries.ticket_detail(session, ticket)


def _talking_routes(router: PermissionRouter, database: Database) -> None:
    @router.post("/tickets", permission="tickets.write", status_code=201, response_model=TicketDetail)
    async def open_ticket(body: NewTicket, caller: Caller, once: IdempotencyKeyOptional) -> Response:
        """Opens a ticket with its first message."""

        async def change(work: UnitOfWork) -> BaseModel:
            ticket = await conversations.open_ticket(
                work,
                caller,
                subject=body.subject,
                body=body.body,
                priority=body.priority,
                service_id=body.service_id,
            )
            return await queries.ticket_detail(work.session, ticket)

        return await once(change, status=201)

    @router.post(
        "/tickets/{ticket_id}/messages", permission="tickets.write", status_code=201, response_model=MessageView
    )
    async def reply(ticket_id: TicketId, body: Reply, caller: Caller, once: IdempotencyKeyOptional) -> Response:  # type: ignore[valid-type]  # made by path_id
        """Writes in a ticket; a closed one opens again."""

        async def change(work: UnitOfWork) -> BaseModel:
            return queries.message_view(await conversations.customer_replies(work, caller, ticket_id, body.body))

        return await once(change, status=201)

    @router.post("/tickets/{ticket_id}/close", permission="tickets.write", response_model=TicketDetail)
    async def close_ticket(ticket_id: TicketId, caller: Caller) -> TicketDetail:  # type: ignore[valid-type]  # made by path_id
        """Closes a ticket. Safe to repeat; writing in it opens it again."""

        async def change(work: UnitOfWork) -> TicketDetail:
            ticket = await conversations.customer_closes(work, caller, ticket_id)
            return await queries.ticket_detail(work.session, ticket)

        return await database.run(change)
