"""A person at Open WebUI's page, in Chromium; runs in the virtual environment with Playwright.

Standard input: {"url", "chromium", "profile", "email", "password", "token", "model",
"question", "expected", "screenshot"}. Standard output: {"answer", "line", "outside": [requests to
other hosts]}; the line is the cost line.
"""

import importlib
import json
import sys
from typing import Any
from urllib.parse import urlsplit

_api: Any = importlib.import_module("playwright.sync_api")  # not in the type checkers' environment

# As root Chromium needs --no-sandbox; the others keep it from asking the network for anything.
_OPTIONS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
_PATIENCE = 60_000  # milliseconds


def main() -> None:
    """Do what standard input says."""
    told = json.load(sys.stdin)
    with _api.sync_playwright() as playwright:
        browser = playwright.chromium.launch_persistent_context(
            told["profile"],
            executable_path=told["chromium"],
            headless=True,
            args=list(_OPTIONS),
            locale="en-US",
            viewport={"width": 1280, "height": 900},
        )
        try:
            json.dump(_sit(browser.new_page(), told), sys.stdout, ensure_ascii=True)
        finally:
            browser.close()


def _sit(page: Any, told: dict[str, str]) -> dict[str, Any]:
    page.set_default_timeout(_PATIENCE)
    outside: list[str] = []
    page.on("request", lambda request: _note(outside, request.url, told["url"]))
    try:
        _sign_in(page, told)
        _choose(page, told["model"])
        answer, line = _ask(page, told["question"], told["expected"])
    finally:
        page.screenshot(path=told["screenshot"])
    return {"answer": answer, "line": line, "outside": outside}


def _note(outside: list[str], asked: str, own: str) -> None:
    if asked.startswith(("http", "ws")) and urlsplit(asked).netloc != urlsplit(own).netloc:
        outside.append(asked)


def _sign_in(page: Any, told: dict[str, str]) -> None:
    """By the form, or as somebody comes back from OIDC: with a token."""
    if told["token"]:
        page.add_init_script(f"localStorage.token = {json.dumps(told['token'])}")
        page.goto(told["url"])
        page.locator("#chat-input").wait_for()
        return
    page.goto(f"{told['url']}/auth")
    page.locator("input[type=email]").fill(told["email"])
    page.locator("input[type=password]").fill(told["password"])
    page.locator("button[type=submit]").click()
    page.locator("#chat-input").wait_for()


def _choose(page: Any, model: str) -> None:
    page.locator('[id^="model-selector-"][id$="-button"]:visible').first.click()
    page.locator("#model-search-input").fill(model)
    page.get_by_role("option", name=model).first.click()


def _ask(page: Any, question: str, expected: str) -> tuple[str, str]:
    page.locator("#chat-input").click()
    page.keyboard.type(question)
    page.keyboard.press("Enter")
    answer = page.locator(".chat-assistant").get_by_text(expected).last
    answer.wait_for()
    line = page.get_by_text("tokens in").last
    line.wait_for()
    return str(answer.inner_text()), str(line.inner_text())


if __name__ == "__main__":
    main()
