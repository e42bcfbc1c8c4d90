"""The page that shows what was posted to Discord, in a real browser; its pictures are kept in build/screenshots."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from factories import alarm_text, sns_event
from own_messages import EVERY_MESSAGE
from playwright.sync_api import Browser, sync_playwright
from pydantic import SecretStr

from joytify_common.deadline import Deadline
from joytify_discord.delivery import Delivery
from joytify_discord.envelopes import parse_event
from joytify_discord.post_store import ContainerStore
from joytify_discord.webhook import Webhook
from joytify_local.aws import WEBHOOK_PATH, WEBHOOK_TOKEN
from joytify_local.processes import stop
from joytify_local.servers import stand_in

PICTURES = Path(__file__).parents[2] / "build" / "screenshots"
MESSAGES = Path(__file__).parents[1] / "messages"
WIDTHS = {"wide": 1280, "narrow": 400}
SHOWN = {
    "success": EVERY_MESSAGE["cleanup"].model_dump_json(),
    "partial": EVERY_MESSAGE["cleanup of a sequence"].model_dump_json(),
    "failed": EVERY_MESSAGE["cleanup error"].model_dump_json(),
    "resolved alarm": alarm_text(AlarmName="joytify-stats-errors", AlarmArn="arn:other"),
    "alarm": alarm_text(),
    "guardduty": (MESSAGES / "guardduty.json").read_text(encoding="utf-8"),
    "plain text": (MESSAGES / "plain.txt").read_text(encoding="utf-8"),
    "unknown": (MESSAGES / "nested_json.json").read_text(encoding="utf-8"),
    "long text": (MESSAGES / "long.txt").read_text(encoding="utf-8"),
}
RESOLVED = alarm_text(
    AlarmName="joytify-stats-errors",
    AlarmArn="arn:other",
    NewStateValue="OK",
    StateChangeTime="2026-11-01T05:17:30.000+0000",
)


@pytest.fixture(scope="module")
def page_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the page, with a message of every kind on it."""
    options = ["--token", WEBHOOK_TOKEN, "--pace", "100"]
    pid, url = stand_in("discord", options, tmp_path_factory.mktemp("discord"), "127.0.0.1")
    webhook, memory = Webhook(url=SecretStr(url + WEBHOOK_PATH)), ContainerStore()
    for number, text in enumerate([*SHOWN.values(), RESOLVED]):
        event = sns_event(text)
        event["Records"][0]["Sns"]["MessageId"] = f"id-{number}"
        deadline = Deadline(time.monotonic() + 60)
        zone = ZoneInfo("Asia/Taipei")
        Delivery(webhook=webhook, alerts=webhook, store=memory, zone=zone, deadline=deadline).deliver(
            parse_event(event)
        )
    yield url
    stop([pid])


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The system's Chromium."""
    path = shutil.which("chromium") or shutil.which("google-chrome")
    assert path is not None, "Chromium is needed: `make test` installs it as root on Debian"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.mark.parametrize("scheme", ["dark", "light"])
@pytest.mark.parametrize("width", WIDTHS)
def test_every_kind_of_message_is_shown_and_fits(browser: Browser, page_url: str, scheme: str, width: str) -> None:
    page = browser.new_page(viewport={"width": WIDTHS[width], "height": 900}, color_scheme=scheme)  # type: ignore[arg-type] # dark or light
    page.goto(page_url)
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / f"discord-{scheme}-{width}.png", full_page=True)

    assert page.locator("section").count() == len(SHOWN)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    titles = page.locator("article h2").all_inner_texts()
    assert titles[3] == "✅ Resolved: joytify-stats-errors"
    assert titles[4] == "❌ Alarm: joytify-playback-data-cleanup-errors"
    assert page.get_by_text("(edited)").count() == 1
    assert page.get_by_text("@everyone **thanks**!").count() == 1
    # Two messages have their full text attached: one of an unknown kind, and one that was cut.
    assert page.get_by_role("link", name="message.txt").count() == 2
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == ("rgb(49, 51, 56)" if scheme == "dark" else "rgb(255, 255, 255)")
    page.close()


def test_each_kind_has_a_picture_of_its_own(browser: Browser, page_url: str) -> None:
    page = browser.new_page(viewport={"width": 700, "height": 900}, color_scheme="dark")
    page.goto(page_url)
    PICTURES.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(SHOWN):
        section = page.locator("section").nth(number)
        section.screenshot(path=PICTURES / f"{name.replace(' ', '-')}.png")

        assert section.locator("article").is_visible()
    page.close()
