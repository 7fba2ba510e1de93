"""What a person does on the pages, in the words of the pages."""

import base64
import re
import secrets

from playwright.async_api import Page, expect

from ez.seeding import CUSTOMER, STAFF, Login
from shared.testing import eventually
from tests.support.embedded import Embedded

PATIENCE = 120_000


async def sign_in(page: Page, embedded: Embedded, who: Login = CUSTOMER) -> None:
    """Signs in with the demo login."""
    await page.goto(f"{embedded.url}/sign-in")
    await page.get_by_label("E-mail address").fill(who.email)
    await page.get_by_label("Password", exact=True).fill(who.password)
    await page.get_by_role("main").get_by_role("button", name="Sign in").click()
    await page.wait_for_url(re.compile("/(dashboard|console)"))


async def sign_in_as_staff(page: Page, embedded: Embedded) -> None:
    """Signs in to the console."""
    await sign_in(page, embedded, STAFF)


async def sign_up(page: Page, embedded: Embedded) -> Login:
    """Creates an account, confirms the address by the caught mail, signs in."""
    who = Login(f"new-{secrets.token_hex(5)}@customers.example", secrets.token_urlsafe(16), "Nora Newcomer")
    await page.goto(f"{embedded.url}/sign-up")
    await page.get_by_label("Your name").fill(who.name)
    await page.get_by_label("E-mail address").fill(who.email)
    await page.get_by_label("Password", exact=True).fill(who.password)
    await page.get_by_role("main").get_by_role("button", name="Create account").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Check your mail")

    async def link() -> str | None:
        found = [re.search(r"http\S+/verify\?token=\S+", mail["text"]) for mail in embedded.mails(who.email)]
        return found[0][0] if found and found[0] else None

    await page.goto(await eventually(link, what="the confirmation mail"))
    await page.get_by_role("button", name="Confirm my address").click()
    await sign_in(page, embedded, who)
    return who


async def order(page: Page, embedded: Embedded, hostname: str, plan: str = "vps-s") -> None:
    """Configures a plan and goes to the payment page."""
    await page.goto(f"{embedded.url}/buy/{plan}")
    await page.get_by_label(re.compile("Host ?name")).fill(hostname)
    await page.locator("textarea[name=c_ssh_keys]").fill(public_key())
    await page.get_by_role("button", name="Order and pay").click()
    await page.wait_for_url(re.compile("/c/pay/"))


def public_key() -> str:
    """A public key of nobody's, as `ssh-keygen -t ed25519` would print it (RFC 8709, section 4)."""
    kind = b"ssh-ed25519"
    blob = len(kind).to_bytes(4, "big") + kind + (32).to_bytes(4, "big") + secrets.token_bytes(32)
    return f"{kind.decode()} {base64.b64encode(blob).decode()} somebody@desk"


async def pay(page: Page, card: str = "Payment succeeds") -> None:
    """Pays with one of the sandbox's test cards."""
    await page.get_by_text(card).first.click()
    await page.get_by_role("button", name=re.compile("pay", re.IGNORECASE)).click()


async def fulfilled(page: Page) -> None:
    """Waits, without touching the page, until it says that the order is fulfilled."""
    await expect(page.get_by_text("Fulfilled exactly once")).to_be_visible(timeout=PATIENCE)
