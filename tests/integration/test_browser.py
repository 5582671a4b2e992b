"""The page of the example service in a real browser, driven by WebDriver over plain HTTP."""

import base64
import contextlib
import os
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import httpx
import pytest

from integration.serving import served
from support.servers.process import free_ports

pytestmark = pytest.mark.integration

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=900,1250",
)
TEXT = "energy is measured, estimated or absent\n"
SHOWN = "return document.getElementById(arguments[0]).textContent"


class Browser:
    """One session of a browser."""

    def __init__(self, driver, session):
        self._driver = driver
        self._session = f"/session/{session}"

    def ask(self, method, path, **body):
        """Send a WebDriver command; return its value."""
        content = body if method == "POST" else None
        answer = self._driver.request(method, self._session + path, json=content)
        assert answer.status_code == 200, answer.text
        return answer.json()["value"]

    def run(self, script, *arguments):
        """Run JavaScript in the page; return what it returns."""
        return self.ask("POST", "/execute/sync", script=script, args=list(arguments))

    def find(self, selector):
        """Return the path of an element."""
        element = self.ask("POST", "/element", using="css selector", value=selector)
        return f"/element/{next(iter(element.values()))}"

    def click(self, selector):
        """Click on an element as a user does."""
        self.ask("POST", f"{self.find(selector)}/click")

    def type(self, selector, text):
        """Replace what is in a field."""
        element = self.find(selector)
        self.ask("POST", f"{element}/clear")
        self.ask("POST", f"{element}/value", text=text)

    def wait(self, script, *arguments, seconds=60):
        """Wait until JavaScript returns something true."""
        deadline = time.monotonic() + seconds
        while not (value := self.run(script, *arguments)):
            assert time.monotonic() < deadline, f"in vain: {script}"
            time.sleep(0.02)
        return value

    def picture(self, path):
        """Take a picture of the page."""
        path.write_bytes(base64.b64decode(self.ask("GET", "/screenshot")))


@contextlib.contextmanager
def driving(folder):
    """Run chromedriver; give a client of it."""
    (port,) = free_ports(1)
    log = folder / "chromedriver.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            ["chromedriver", f"--port={port}"],
            stdout=file,
            stderr=file,
            env=os.environ | {"TMPDIR": str(folder), "HOME": str(folder)},
        )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            deadline = time.monotonic() + 60
            while True:
                with contextlib.suppress(httpx.TransportError):
                    if client.get("/status").json()["value"]["ready"]:
                        break
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.05)
            yield client
    finally:
        process.terminate()
        process.wait(60)


@pytest.fixture(params=["light", "dark"])
def browser(request):
    """A browser with a new profile, which prefers one colour scheme."""
    if not shutil.which("chromedriver"):
        pytest.fail("chromedriver is missing: run tests/integration/setup as root")
    dark = ["--blink-settings=preferredColorScheme=0"] if request.param == "dark" else []
    with (
        # The browser makes a socket there, whose path must be shorter than pytest's own folders.
        tempfile.TemporaryDirectory(prefix="gl-", dir="/tmp", ignore_cleanup_errors=True) as folder,
        driving(Path(folder)) as driver,
    ):
        options = {"args": [*FLAGS, *dark, f"--user-data-dir={folder}/profile"]}
        wanted = {"alwaysMatch": {"goog:chromeOptions": options}}
        answer = driver.post("/session", json={"capabilities": wanted})
        assert answer.status_code == 200, answer.text
        browser = Browser(driver, answer.json()["value"]["sessionId"])
        browser.scheme = request.param
        try:
            yield browser
        finally:
            browser.ask("DELETE", "")


@pytest.fixture
def service(tmp_path):
    """The service, with enough to count for a progress bar to be seen."""
    root = tmp_path / "root"
    (root / "many").mkdir(parents=True)
    for number in range(40):
        (root / "many" / f"part_{number:02}.py").write_text(TEXT * 20_000)
    (root / "many" / "broken.py").write_bytes(b"\xff")
    with served(tmp_path, root) as service:
        yield service


def test_a_job_from_the_form_to_the_joules(browser, service, tmp_path):
    browser.ask("POST", "/url", url=service.address)
    dark = browser.run("return matchMedia('(prefers-color-scheme: dark)').matches")
    assert dark == (browser.scheme == "dark")

    browser.type("#folder", "many")
    browser.click("#start")
    seen = set()
    bar = "const bar = document.getElementById('bar'); return [bar.value, bar.max]"
    while True:
        seen.add(browser.run(bar)[0])
        if browser.run("return !document.getElementById('start').disabled"):
            break
    assert browser.run(bar) == [41, 41]
    assert any(0 < value < 41 for value in seen), "the bar did not move, but jumped"

    assert browser.run(SHOWN, "state") == "Done: 40 of 41 parts, 1 failed"
    assert browser.run(SHOWN, "words").startswith("4,800,000")
    assert re.match(r"[\d.,]+ J(estimated|measured) \(\w+\)", browser.run(SHOWN, "energy"))
    assert browser.run(SHOWN, "carbon").endswith("mg CO₂e")
    assert "part_07.py" in browser.run(SHOWN, "rows")
    assert "UnicodeDecodeError" in browser.run(SHOWN, "rows")
    assert browser.run(SHOWN, "top-rows").count("800,000") == 6
    browser.picture(tmp_path / "done.png")
    assert (tmp_path / "done.png").stat().st_size > 10_000


def test_text_can_be_counted_and_mistakes_are_told(browser, service, tmp_path):
    browser.ask("POST", "/url", url=service.address)
    browser.type("#folder", "nowhere")
    browser.click("#start")
    browser.wait("return !document.getElementById('problem').hidden")
    assert "there is no folder 'nowhere'" in browser.run(SHOWN, "problem")
    browser.picture(tmp_path / "mistake.png")

    browser.click("[value=lines]")
    browser.type("#lines", "<b>green</b>\ngreen")
    browser.click("#start")
    browser.wait("return document.getElementById('state').textContent.startsWith('Done')")
    assert browser.run("return document.getElementById('problem').hidden")
    assert browser.run(SHOWN, "top-rows") == "b2green2"


def test_a_job_can_be_cancelled(browser, service):
    browser.ask("POST", "/url", url=service.address)
    browser.type("#folder", "many")
    browser.click("#start")
    browser.wait("return document.getElementById('bar').value > 0")
    browser.click("#cancel")
    browser.wait("return document.getElementById('state').textContent.startsWith('Cancelled')")
    assert browser.run("return !document.getElementById('start').disabled")
