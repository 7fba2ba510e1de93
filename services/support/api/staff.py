"""What staff may call."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel
from sqlalchemy import select
from starlette.responses import Response

from services.support import queries
from services.support.api.schemas import Answer, SwitchBody, TicketStatus
from services.support.domain import Ticket
from services.support.use_cases import conversations
from services.support.use_cases.mail_switch import turn_mail
from shared.contracts.reads.base import Page
from shared.contracts.reads.provisioning import SwitchView
from shared.contracts.reads.support import (
    NotificationView,
    StaffMessageView,
    StaffTicketDetail,
    StaffTicketView,
    SupportOverview,
)
from shared.database import Database, UnitOfWork
from shared.web.access import Caller, PermissionRouter, staff_router
from shared.web.fields import path_id
from shared.web.idempotency import IdempotencyKeyOptional
from shared.web.pagination import PageQuery, PageRequest

TicketId = path_id("tkt")


class TicketFilter(PageRequest):
    """Which page of which tickets."""

    status: TicketStatus | None = None


def staff_routes(database: Database) -> APIRouter:
    """Everybody's tickets, and the mails."""
    router = staff_router()
    _reading_routes(router, database)
    _talking_routes(router, database)
    _switch_routes(router, database)
    return router


def _reading_routes(router: PermissionRouter, database: Database) -> None:
    @router.get("/tickets", permission="staff.tickets.read", name="list_all_tickets")
    async def list_tickets(wanted: Annotated[TicketFilter, Query()]) -> Page[StaffTicketView]:
        """Tickets of all accounts, the newest first."""
        statement = select(Ticket)
        if wanted.status is not None:
            statement = statement.where(Ticket._status == wanted.status)
        async with database.read() as session:
            return await queries.staff_tickets(session, statement, wanted)

    @router.get("/tickets/{ticket_id}", permission="staff.tickets.read", name="get_any_ticket")
    async def get_ticket(ticket_id: TicketId) -> StaffTicketDetail:  # type: ignore[valid-type]  # made by path_id
        """One ticket with what was said and noted."""
        async with database.read() as session:
            return await queries.staff_ticket_detail(
                session, await queries.one_ticket(session, select(Ticket), ticket_id)
            )

    @router.get("/notifications", permission="staff.mail.read")
    async def list_notifications(page: PageQuery) -> Page[NotificationView]:
        """Mails, the newest first."""
        async with database.read() as session:
            return await queries.notifications(session, page)


def _talking_routes(router: PermissionRouter, database: Database) -> None:
    @router.post(
        "/tickets/{ticket_id}/messages",
        permission="staff.tickets.write",
        status_code=201,
        name="answer_ticket",
        response_model=StaffMessageView,
    )
    async def answer(ticket_id: TicketId, body: Answer, caller: Caller, once: IdempotencyKeyOptional) -> Response:  # type: ignore[valid-type]  # made by path_id
        """Answers, which mails the customer, or notes something that only staff see."""

        async def change(work: UnitOfWork) -> BaseModel:
            say = conversations.staff_notes if body.internal else conversations.staff_answers
            return queries.staff_message_view(await say(work, caller, ticket_id, body.body))

        return await once(change, status=201)

    @router.post("/tickets/{ticket_id}/close", permission="staff.tickets.write", name="close_any_ticket")
    async def close_ticket(ticket_id: TicketId, caller: Caller) -> StaffTicketDetail:  # type: ignore[valid-type]  # made by path_id
        """Closes a ticket. Safe to repeat; writing in it opens it again."""

        async def change(work: UnitOfWork) -> StaffTicketDetail:
            ticket = await conversations.staff_closes(work, caller, ticket_id)
            return await queries.staff_ticket_detail(work.session, ticket)

        return await database.run(change)


def _switch_routes(router: PermissionRouter, database: Database) -> None:
    @router.get("/overview/support", permission="staff.tickets.read")
    async def support_overview() -> SupportOverview:
        """What needs a person in support."""
        async with database.read() as session:
            return await queries.overview(session)

    @router.put("/switches/mail", permission="staff.switches.write", fresh=True)
    async def turn_all_mail(body: SwitchBody) -> SwitchView:
        """Stops all mail, or lets it flow again; nothing that is to be sent is lost meanwhile. Safe to repeat."""

        async def change(work: UnitOfWork) -> SwitchView:
            return queries.switch_view(await turn_mail(work, engaged=body.engaged, reason=body.reason))

        return await database.run(change)
