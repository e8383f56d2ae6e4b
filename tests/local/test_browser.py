"""A page of another origin, in a real browser, cannot reach the local organization under any name."""

from __future__ import annotations

import http.server
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rolechain.local import LocalOrganization

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None,
    reason="no Chromium on this machine, whose package is 100 MB: apt-get install chromium; test_network.py sends the "
    "same requests through sockets",
)
PAGE = """<!doctype html><title>elsewhere</title><pre id="said"></pre><script>
const tries = async () => {
  const calls = "Action=CreateRole&Version=2010-05-08&RoleName=stolen&AssumeRolePolicyDocument=%7B%7D";
  for (const host of ["127.0.0.1", "localhost", "rebound.example"]) {
    const url = `http://${host}:PORT/`;
    for (const [path, options] of [
      ["?" + calls, {}],
      ["?" + calls, {mode: "no-cors"}],
      ["", {method: "POST", mode: "no-cors", body: new URLSearchParams(calls)}],
      ["", {method: "POST", body: new URLSearchParams(calls)}],
      ["_ministack/reset", {method: "POST", mode: "no-cors"}],
      ["_ministack/health", {}],
    ]) {
      let line = `${host}/${path.slice(0, 17)} ${options.method || "GET"} ${options.mode || "cors"}: `;
      try {
        const answer = await fetch(url + path, options);
        line += `${answer.type} ${answer.status} ${await answer.text()}`;
      } catch (error) {
        line += error.name;
      }
      document.getElementById("said").append(line + "\\n");
    }
  }
  document.getElementById("said").append("end\\n");
};
tries();
</script>"""


@pytest.fixture
def page(organization: LocalOrganization, tmp_path: Path) -> Iterator[str]:
    """The port of a server of another origin with the page."""
    port = organization.endpoint_url.rsplit(":", 1)[1]
    (tmp_path / "index.html").write_text(PAGE.replace("PORT", port))

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments, directory=str(tmp_path))

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield str(server.server_port)
        server.shutdown()
        thread.join()


def dom(url: str, profile: Path) -> str:
    """What Chromium shows of an address, every name of which is this machine's."""
    done = subprocess.run(
        [
            str(CHROMIUM),
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--host-resolver-rules=MAP *.example 127.0.0.1",
            f"--user-data-dir={profile}",
            "--virtual-time-budget=20000",
            "--dump-dom",
            url,
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.stdout


def test_a_page_of_another_origin(organization: LocalOrganization, page: str, tmp_path: Path) -> None:
    """Neither can a page read an answer, nor does what it sends do anything."""
    iam: Any = organization.session("111111111111").client("iam")
    before = [role["RoleName"] for role in iam.list_roles()["Roles"]]
    said = dom(f"http://elsewhere.example:{page}/index.html", tmp_path / "profile")
    lines = said.split('id="said">')[1].split("</pre>")[0].splitlines()
    assert lines[-1] == "end"
    assert len(lines) == 19
    for line in lines[:-1]:
        assert line.endswith(("no-cors: opaque 0 ", "cors: TypeError", "no-cors: TypeError")), line
    assert [role["RoleName"] for role in iam.list_roles()["Roles"]] == before


@pytest.mark.parametrize("path", ["_ministack/health", "?Action=GetCallerIdentity&Version=2011-06-15"])
def test_a_name_that_was_bound_to_this_machine(
    organization: LocalOrganization, tmp_path: Path, path: str
) -> None:
    """A page of a name that resolves to this machine now is of the server's own origin, and is told its host."""
    port = organization.endpoint_url.rsplit(":", 1)[1]
    said = dom(f"http://rebound.example:{port}/{path}", tmp_path / "profile")
    assert f"host 'rebound.example:{port}' is not served: call 127.0.0.1 or localhost" in said
