"""The report opens from disk without a network, and a reader who clicks through it sees every figure and table."""

import html
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
const pause = () => new Promise(done => setTimeout(done, 200));
const links = text => [...document.querySelectorAll("nav a")].filter(a => a.textContent.trim() === text);
const overview = () => document.querySelector("#app .overview");
const home = async () => { document.querySelector("nav ol a").click(); await pause(); };
async function shown() {
    const picture = document.querySelector("#app div.grow img");
    if (!picture) return null;
    await picture.decode();
    const box = picture.getBoundingClientRect();
    const caption = [...document.querySelectorAll("nav .prose")].map(part => part.textContent).join(" ");
    return {drawn: picture.naturalWidth, width: box.width, height: box.height, top: box.top, left: box.left, caption};
}
async function read() {
    const seen = {clicked: {}, figures: {}, tables: {}, fetched: []};
    await pause();
    const key = overview().querySelector("img.first");
    await key.decode();
    const box = key.getBoundingClientRect();
    seen.first = {
        ...{drawn: key.naturalWidth, width: box.width, top: box.top, bottom: box.bottom},
        graph: document.querySelector("div#rulegraph").getBoundingClientRect().top,
        verdicts: overview().querySelectorAll("td:first-child").length,
    };
    for (const picture of [...overview().querySelectorAll("a img")].map(picture => picture.alt)) {
        overview().querySelector(`a[data-figure=${picture}]`).click();
        await pause();
        seen.clicked[picture] = await shown();
        await home();
    }
    for (const category of Object.keys(categories)) {
        for (let row = 0, rows = 1; row < rows; row++) {
            await home();
            links(category)[0].click();
            await pause();
            const entries = document.querySelectorAll("nav table tbody tr");
            rows = entries.length;
            const label = entries[row].querySelector("td").textContent.trim();
            const button = entries[row].querySelector("td:last-child a");
            if (label.startsWith("table")) { seen.tables[label] = button !== null; continue; }
            button.click();
            await pause();
            seen.figures[label] = await shown();
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
            *("--proxy-server=127.0.0.1:9", "--virtual-time-budget=1200000", "--dump-dom", page.as_uri()),
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    found = re.search(r"SEEN(\{.*\})NEES", done.stdout, re.DOTALL)
    assert found, done.stderr[-2000:]
    seen = json.loads(html.unescape(found.group(1)))
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
