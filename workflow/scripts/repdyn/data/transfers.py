"""Bytes that arrive from elsewhere: in pieces, no more of them than allowed, with every way to fail told as a fault."""

import http.client
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Iterable
from contextlib import contextmanager

LONGEST = 900  # seconds that one transfer may take in all, however steadily it trickles
CHUNK = 1 << 18


class Fault(Exception):
    """What is wrong with one source's answer."""


class Absent(Fault):
    """The source as a whole does not answer: there is no use in asking it for the next file."""


@contextmanager
def opened(url: str, timeout: float):
    """A URL's answer, with every way to fail told as a fault."""
    try:
        request = urllib.request.Request(url, headers={"User-Agent": "repdyn"})
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            yield answer
    except urllib.error.HTTPError as error:
        error.close()
        raise Fault(f"the server answers {error.code} {error.reason}") from None
    except urllib.error.URLError as error:
        if isinstance(error.reason, TimeoutError):
            raise Absent(f"no answer within {timeout:g} s") from None
        raise Absent(f"cannot be reached ({error.reason})") from None
    except TimeoutError:
        raise Absent(f"silent for {timeout:g} s") from None
    except (OSError, http.client.HTTPException) as error:
        raise Fault(f"broke off ({type(error).__name__}: {error})") from None


def chunks(stream, most: int) -> Iterable[bytes]:
    """A stream in pieces; a fault where it is longer than `most` bytes or takes too long."""
    until, total = time.monotonic() + LONGEST, 0
    # read1 hands over what is there: a trickle is noticed between two pieces
    while chunk := (stream.read1 if hasattr(stream, "read1") else stream.read)(CHUNK):
        total += len(chunk)
        if total > most:
            raise Fault(f"larger than {most} bytes: stopped")
        if time.monotonic() > until:
            raise Absent(f"not done after {LONGEST} s")
        yield chunk


def unzipped(chunks: Iterable[bytes]) -> Iterable[bytes]:
    """The content of a gzip stream, never more than a piece of it in memory."""
    unzip = zlib.decompressobj(16 + zlib.MAX_WBITS)
    try:
        for chunk in chunks:
            while chunk and not unzip.eof:
                yield unzip.decompress(chunk, CHUNK)
                chunk = unzip.unconsumed_tail
    except zlib.error as error:
        raise Fault(f"no proper gzip file ({error})") from None
    if not unzip.eof:
        raise Fault("cut off: the gzip file has no end")
