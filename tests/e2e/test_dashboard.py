"""The dashboard in a real browser, before a real server-agent whose edge sends requests."""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from joulecut.connections.connection import connect
from joulecut.demo.processes import AgentProcess
from tests.e2e.pair import log_of, seconds_until
from tests.integration.site import Site, make_shared
from tests.integration.tiny_network import pictures

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("started_warm")]

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DESKTOP, PHONE = (1280, 900), (390, 844)
_START_S = 180.0
_PAUSE_S = 0.05
_SOON_S = 90.0
_SOON_MS = 1e3 * _SOON_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A pair of agents under load, and where its dashboard is."""

    url: str
    server_pid: int


@contextmanager
def load(edge_address: str) -> Iterator[None]:
    """Requests again and again until the context ends."""
    stop = threading.Event()

    def send() -> None:
        picture = pictures(1)[0].numpy()
        with connect(edge_address) as edge:
            while not stop.wait(_PAUSE_S):
                edge.infer(picture)

    sender = threading.Thread(target=send)
    sender.start()
    try:
        yield
    finally:
        stop.set()
        sender.join()


@pytest.fixture(name="served", scope="module")
def _served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("dashboard")
    site = Site(shared=folder, own=folder, digest=make_shared(folder))
    configured = site.server()
    (folder / "server.toml").write_text(
        f'device = "{configured.device}"\nbundles = ["{site.bundle}"]\nprofiles = "{configured.profiles}"\n'
        f'state = "{folder}"\nname = "gpu-box"\nadvertise = false\n[dashboard]\nlisten = "127.0.0.1:0"\n'
    )
    with AgentProcess("server-agent", ["--config", f"{folder}/server.toml"], folder=folder, name="server") as server:
        edge = site.edge(server.wait_ready(_START_S))
        (folder / "edge.toml").write_text(
            f'device = "{edge.device}"\nbundle = "{edge.bundle}"\nserver = "{edge.server}"\nlisten = "{edge.listen}"\n'
            f'profiles = "{edge.profiles}"\nwires = "{edge.wires}"\nmax_accuracy_loss = 1.0\npolicy = "all-server"\n'
            'name = "camera"\n[slo]\nlatency_s = 5.0\nquantile = 0.9\n'
        )
        with (
            AgentProcess("edge-agent", ["--config", f"{folder}/edge.toml"], folder=folder, name="edge") as agent,
            load(agent.wait_ready(_START_S)),
        ):
            [line] = [each for each in log_of(folder, "server").splitlines() if "dashboard: " in each]
            pid = json.loads((folder / "server.ready.json").read_text())["pid"]
            yield Served(url=line.rpartition("dashboard: ")[2], server_pid=pid)


@pytest.fixture(name="browser", scope="module")
def _browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("there is no Chromium on this machine")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def opened(browser: Browser, url: str, size: tuple[int, int], scheme: Literal["light", "dark"]) -> Iterator[Page]:
    """The page in a window of its own; fails where the console complained or anything was asked of another host."""
    page = browser.new_page(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme)
    complaints: list[str] = []

    def complain(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            complaints.append(message.text)

    page.set_default_timeout(_SOON_MS)
    page.on("console", complain)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: None if request.url.startswith(url) else complaints.append(request.url))
    page.goto(url)
    yield page
    assert not complaints
    page.close()


def tile(page: Page, term: str) -> str:
    """What a tile shows."""
    return page.locator("#tiles div", has_text=term).first.locator("dd span").first.inner_text()


def moved(page: Page, term: str) -> bool:
    """Whether a tile changes soon."""
    before = tile(page, term)
    seconds_until(lambda: tile(page, term) != before, deadline_s=_SOON_S)
    return True


@pytest.mark.parametrize(("size", "scheme"), [(DESKTOP, "light"), (PHONE, "dark")])
def test_values_move_and_the_plan_is_explained(
    served: Served, browser: Browser, size: tuple[int, int], scheme: Literal["light", "dark"]
) -> None:
    """On a desk and on a phone: live figures, one session, its reasons and baselines, nothing beyond the margin."""
    with opened(browser, served.url, size, scheme) as page:
        page.wait_for_selector("#connection.live")
        assert moved(page, "Answered")
        assert page.locator("#server-name").inner_text() == "gpu-box"
        row = page.locator("#sessions-rows tr")
        row.get_by_text("all on the server", exact=False).wait_for()
        assert row.count() == 1
        assert "camera" in row.locator("button").inner_text()
        page.get_by_text("The whole network, ", exact=False).wait_for()
        why = page.locator("#why").inner_text()
        assert "runs on the server at" in why
        assert "which the edge asked for" in why
        assert "90 % of the answers are due within 5 s" in why
        assert page.locator("#baselines tbody tr").count() > 10
        assert page.locator("#plan-bar .bar span").count() > 2
        page.wait_for_function("document.querySelector('#session-charts .line').getAttribute('d') !== ''")
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= size[0]


def test_a_server_that_stands_still_is_missed_and_found_again(served: Served, browser: Browser) -> None:
    """A page that shows old figures says so, and goes on by itself once it hears again."""
    page = browser.new_page()
    page.set_default_timeout(_SOON_MS)
    page.goto(served.url)
    page.wait_for_selector("#connection.live")
    os.kill(served.server_pid, signal.SIGSTOP)
    try:
        page.wait_for_selector("#connection.lost")
    finally:
        os.kill(served.server_pid, signal.SIGCONT)
    page.wait_for_selector("#connection.live")
    page.close()
