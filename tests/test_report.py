"""The report opens from disk without a network, and a reader who clicks through it sees every figure and table."""

import json
import os
import re
import shutil
import subprocess

import pytest

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
# What a reader does: open each category, click on the view button of each result, look at what appears.
READER = """
<script>
const pause = () => new Promise(done => setTimeout(done, 300));
const links = text => [...document.querySelectorAll("a")].filter(a => a.textContent.trim() === text);
async function read() {
    const seen = {figures: {}, tables: {}, fetched: []};
    await pause();
    for (const category of Object.keys(categories)) {
        const home = document.querySelector("nav ol a");
        if (home) { home.click(); await pause(); }
        links(category)[0].click();
        await pause();
        const rows = [...document.querySelectorAll("nav table tbody tr")];
        for (const row of rows) {
            const label = row.querySelector("td").textContent.trim();
            const button = row.querySelector("td:last-child a");
            if (category === "Tables" || label.startsWith("table")) { seen.tables[label] = button !== null; continue; }
            button.click();
            await pause();
            const picture = document.querySelector("#app div.grow img");
            if (!picture) { seen.figures[label] = null; continue; }
            await picture.decode();
            const box = picture.getBoundingClientRect();
            seen.figures[label] = {drawn: picture.naturalWidth, width: box.width, height: box.height, top: box.top};
        }
    }
    seen.fetched = performance.getEntriesByType("resource").map(entry => entry.name).filter(name => /^http/.test(name));
    return seen;
}
read().catch(error => ({error: String(error)})).then(seen => {
    const note = document.createElement("pre");
    note.id = "seen";
    note.textContent = "SEEN" + JSON.stringify(seen) + "NEES";
    document.body.append(note);
});
</script>
"""


@pytest.fixture(scope="module")
def report(smoke):
    smoke.snakemake("--report", "results/smoke/report.html")
    path = smoke.folder / "results/smoke/report.html"
    yield path
    path.unlink()


def test_every_figure_can_be_seen_without_a_network(report, tmp_path):
    if not BROWSER:
        told = "NOT TESTED that the report can be seen: no browser here (Debian: apt-get install chromium)"
        pytest.fail(told) if os.environ.get("CI") else pytest.skip(told)
    page = tmp_path / "report.html"
    body, end = report.read_text().rsplit("</body>", 1)  # the report's own libraries have the word in strings
    page.write_text(f"{body}{READER}</body>{end}")
    flags = "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-sync"
    done = subprocess.run(
        [
            *(BROWSER, *flags.split(), f"--user-data-dir={tmp_path / 'profile'}", "--window-size=1400,600"),
            *("--proxy-server=127.0.0.1:9", "--virtual-time-budget=90000", "--dump-dom", page.as_uri()),
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    found = re.search(r"SEEN(\{.*\})NEES", done.stdout.replace("&amp;", "&"))
    assert found, done.stderr[-2000:]
    seen = json.loads(found.group(1))
    assert "error" not in seen, seen
    assert len(seen["figures"]) == len(list(report.parent.glob("figures/*.svg")))
    for label, size in seen["figures"].items():
        assert size and min(size["drawn"], size["width"], size["height"]) > 100, (label, size)
        assert size["top"] >= 0, f"{label}: its top cannot be scrolled to"
    assert len(seen["tables"]) >= 2 and all(seen["tables"].values())
    assert seen["fetched"] == []


def test_captions_are_rendered(report):
    text = report.read_text()
    assert "When Representations Align" in text
    flat = re.sub(r"\\n|\s+", " ", text)
    for claim in (
        "rich to lazy",
        "one more, that of the mean output",
        "depend on the layer that is observed",
        "nothing is fitted to what is predicted",
    ):
        assert claim in flat, claim
    # values that only rendering puts there: networks of the smoke study, its folder, the level of its intervals
    for value in ("2 initialisations of each setting", "results/smoke/figures", "95 % bootstrap intervals"):
        assert value in flat, value
    assert "snakemake.params" not in flat and "snakemake.config" not in flat
