"""The report opens from disk without a network, and a reader who clicks through it sees every figure and table."""

import http.server
import json
import os
import re
import shutil
import subprocess

import pytest

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
# What a reader does: look at the first page, click on each picture there; open each category, click on each result's
# view button; look at what appears, and whether it is explained beside it.
READER = """
<script>
const until = async thing => {
    for (let n = 0; n < 3000; n++) {
        const found = thing();
        if (found) return found;
        await new Promise(done => setTimeout(done, 10));
    }
    throw Error(`not within 30 s: ${thing}`);
};
const links = text => [...document.querySelectorAll("nav a")].filter(a => a.textContent.trim() === text);
const overview = () => document.querySelector("#app .overview");
const picture = () => !overview() && document.querySelector("#app div.grow img");
const home = async () => { document.querySelector("nav ol a").click(); await until(overview); };
async function shown() {
    const shown = await until(picture);
    await shown.decode();
    const box = shown.getBoundingClientRect();
    const caption = [...document.querySelectorAll("nav .prose")].map(part => part.textContent).join(" ");
    return {drawn: shown.naturalWidth, width: box.width, height: box.height, top: box.top, left: box.left, caption};
}
async function read() {
    const seen = {clicked: {}, figures: {}, tables: {}, fetched: []};
    await until(overview);
    const key = overview().querySelector("img.first");
    await key.decode();
    const box = key.getBoundingClientRect();
    seen.first = {
        ...{drawn: key.naturalWidth, width: box.width, top: box.top, bottom: box.bottom},
        graph: document.querySelector("div#rulegraph").getBoundingClientRect().top,
        verdicts: overview().querySelectorAll("td:first-child").length,
    };
    for (const name of [...overview().querySelectorAll("a img")].map(image => image.alt)) {
        overview().querySelector(`a[data-figure=${name}]`).click();
        seen.clicked[name] = await shown();
        await home();
    }
    for (const category of Object.keys(categories)) {
        for (let row = 0, rows = 1; row < rows; row++) {
            await home();
            (await until(() => links(category)[0])).click();
            const entries = await until(() => {
                const lines = document.querySelectorAll("nav table tbody tr");
                return lines.length && lines;
            });
            rows = entries.length;
            const label = entries[row].querySelector("td").textContent.trim();
            const button = entries[row].querySelector("td:last-child a");
            if (label.startsWith("table")) { seen.tables[label] = button !== null; continue; }
            button.click();
            seen.figures[label] = await shown();
        }
    }
    seen.fetched = performance.getEntriesByType("resource").map(entry => entry.name).filter(name => /^http/.test(name));
    return seen;
}
read().catch(error => ({error: String(error)})).then(seen => {
    fetch("http://127.0.0.1:PORT", {method: "POST", mode: "no-cors", body: JSON.stringify(seen)});
});
</script>
"""


@pytest.fixture(scope="module")
def report(smoke):
    smoke.snakemake("--report", "results/smoke/report.html")
    path = smoke.folder / "results/smoke/report.html"
    yield path
    path.unlink()


def what_a_reader_sees(report, tmp_path) -> dict:
    """The page tells a server of this process when it has been read, however long that takes on a busy machine."""
    told = {}

    class Listener(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            told.update(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *ignored):
            pass

    page = tmp_path / "report.html"
    body, end = report.read_text().rsplit("</body>", 1)  # the report's own libraries have the word in strings
    flags = "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-sync"
    with http.server.HTTPServer(("127.0.0.1", 0), Listener) as server:
        server.timeout = 300
        page.write_text(f"{body}{READER.replace('PORT', str(server.server_port))}</body>{end}")
        browser = subprocess.Popen(
            [
                *(BROWSER, *flags.split(), f"--user-data-dir={tmp_path / 'profile'}", "--window-size=1400,600"),
                *("--proxy-server=127.0.0.1:9", "--remote-debugging-port=0", page.as_uri()),
            ],
            stderr=subprocess.DEVNULL,
        )
        try:
            server.handle_request()
        finally:
            browser.terminate()
            browser.wait()
    assert told, "the page was not read within 300 s"
    return told


def test_every_figure_can_be_seen_without_a_network(report, tmp_path):
    if not BROWSER:
        told = "NOT TESTED that the report can be seen: no browser here (Debian: apt-get install chromium)"
        pytest.fail(told) if os.environ.get("CI") else pytest.skip(told)
    seen = what_a_reader_sees(report, tmp_path)
    assert "error" not in seen, seen
    figures, claims = report.parent.glob("figures/*.svg"), (report.parent / "claims.csv").read_text().splitlines()[1:]
    first = seen["first"]
    assert first["drawn"] > 1000 and first["width"] > 500 and 0 <= first["top"] < first["bottom"] < first["graph"]
    assert first["verdicts"] == len(claims)
    assert set(seen["clicked"]) == {path.stem for path in figures} and len(seen["figures"]) == len(seen["clicked"])
    for label, size in (*seen["clicked"].items(), *seen["figures"].items()):
        assert size and min(size["drawn"], size["width"], size["height"]) > 100, (label, size)
        assert size["top"] >= 0, f"{label}: its top cannot be scrolled to"
        assert "Shown." in size["caption"], f"{label}: nothing beside it says what is shown"
    for name in ("clock", "xor"):
        assert "Found." in seen["clicked"][name]["caption"] and "criterion:" in seen["clicked"][name]["caption"]
    assert len(seen["tables"]) >= 2 and all(seen["tables"].values())
    assert seen["fetched"] == []


def test_captions_are_rendered(report):
    text = report.read_text()
    assert "When Representations Align" in text and "system-message" not in text
    flat = re.sub(r"\\n|\s+", " ", text)
    for claim in (
        "rich to lazy",
        "one more, that of the mean output",
        "depend on the layer that is observed",
        "nothing is fitted to what is predicted",
    ):
        assert claim in flat, claim
    # values that only rendering puts there: networks of the smoke study, its folder, the level of its intervals
    for value in ("2 initialisations of each", "results/smoke/figures", "95 % t intervals"):
        assert value in flat, value
    assert "snakemake.params" not in flat and "snakemake.config" not in flat
