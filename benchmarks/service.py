"""The service under load: what HTTP costs beside a batch, what twice the capacity does to it, and whether its memory stays flat.

    python benchmarks/service.py --photos FOLDER [--requests 30000] [--json figures.json]

One `visavis serve` runs as a process of its own, in a temporary installation on SQLite, on a free port of this machine. The
client shares the machine with it: raw connections that are kept alive, and requests whose bytes are prepared, so that it takes
a few hundredths of a core. Every pair has two photos that are in no other pair, since a batch looks at a photo once however
often it is paired. Measured, in one run:

- capacity: answers a second of `POST /v1/comparisons` to so many connections at a time, each asking again once it is answered;
  beside it the rows a second of `visavis batch` on the same pairs, from the first tenth of its journal to its end, thus without
  its start. Both in turn, several rounds, so that a machine that slows down slows both; their decisions must be the same;
- overload: requests that arrive at random (Poisson) at twice the capacity, whether or not earlier ones are answered. Goodput is
  the accepted answers a second, beside the capacity just before and after. Times are counted from when a request was due, so
  that a client that falls behind hides nothing. Every refusal should be a 429 `overloaded` with Retry-After;
- memory: resident size of the server (VmRSS) while it answers so many more requests, its slope after the first tenth, and its
  peak (VmHWM).

The cores that client, server and whatever else runs here kept busy stand with the figures: they count where the others are idle.
The key's rate is raised, so that a lack of capacity alone turns requests away. Needs Linux, for /proc.

Goals: capacity at least 0.75 of the batch; goodput over 0.9 of the capacity, and 99 % of the accepted requests answered within
2 s; memory flat.
"""

import argparse
import asyncio
import json
import os
import random
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

SETTLING_S = 3.0
"""Of an overload that is not counted: the queue fills."""
START_S = 60.0
VISAVIS = [sys.executable, "-m", "visavis"]
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
_RETRY_AFTER = re.compile(rb"\r\nretry-after: *[1-9]\d*\r\n", re.IGNORECASE)
_BOUNDARY = "boundary-of-a-prepared-request"

Pair = tuple[Path, Path]


# --- the client -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Answer:
    """seconds: from when the request was due. at: when it came, by the clock of time.perf_counter. 0 is no answer at all."""

    status: int
    head: bytes
    body: bytes
    seconds: float
    at: float

    @property
    def code(self) -> str:
        """Of a problem; empty where it is none."""
        return "" if self.status == 200 else str(json.loads(self.body or b"{}").get("code", ""))


class Connection(asyncio.Protocol):
    """One that is kept alive, with one request at a time."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._waiting: asyncio.Future[tuple[int, bytes, bytes]] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - for the type checker
        self.transport = transport

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the name is asyncio's
        self.transport = None
        self._resolve(0, b"", b"")

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        length = _LENGTH.search(head + b"\r\n")
        if end and length and len(body) >= int(length[1]):
            self._received.clear()
            self._resolve(int(head[9:12]), bytes(head) + b"\r\n", bytes(body))

    def ask(self, request: bytes) -> asyncio.Future[tuple[int, bytes, bytes]]:
        """Status, head and body of the answer."""
        self._waiting = asyncio.get_running_loop().create_future()
        if self.transport is None:
            self._resolve(0, b"", b"")
        else:
            self.transport.write(request)
        return self._waiting

    def _resolve(self, status: int, head: bytes, body: bytes) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result((status, head, body))


class Client:
    """Asks for comparisons, on as many connections as it takes."""

    def __init__(self, port: int, key: str, pairs: Sequence[Pair]) -> None:
        self._port = port
        self._requests = [_request(port, key, *pair) for pair in pairs]
        self._idle: list[Connection] = []

    def __len__(self) -> int:
        return len(self._requests)

    async def ask(self, number: int, due: float | None = None) -> Answer:
        """The answer to a pair's comparison. due: when the request should have been sent, by default now."""
        due = time.perf_counter() if due is None else due
        connection = self._idle.pop() if self._idle else Connection()
        if connection.transport is None:
            _, connection = await asyncio.get_running_loop().create_connection(Connection, "127.0.0.1", self._port)
        status, head, body = await connection.ask(self._requests[number % len(self._requests)])
        self._idle.append(connection)
        at = time.perf_counter()
        return Answer(status, head, body, at - due, at)

    async def closed(self, count: int, connections: int, each: Callable[[int], None] = lambda _: None) -> list[Answer]:
        """So many answers, in the order of the pairs, with so many requests at a time. each: told how many there are so far."""
        answers: dict[int, Answer] = {}
        numbers = iter(range(count))

        async def worker() -> None:
            for number in numbers:
                answers[number] = await self.ask(number)
                each(len(answers))

        await asyncio.gather(*(worker() for _ in range(connections)))
        self._close()
        return [answers[number] for number in range(count)]

    async def opened(self, rate: float, seconds: float) -> list[Answer]:
        """The answers to what arrives at random, so many a second."""
        arrivals, started, due = random.Random(0), time.perf_counter(), 0.0  # noqa: S311 - no secret
        asked: list[asyncio.Task[Answer]] = []
        while (due := due + arrivals.expovariate(rate)) < seconds:
            await asyncio.sleep(max(0.0, started + due - time.perf_counter()))
            asked.append(asyncio.create_task(self.ask(len(asked), started + due)))
        answers = await asyncio.gather(*asked)
        self._close()
        return answers

    def _close(self) -> None:
        for connection in self._idle:
            if connection.transport is not None:
                connection.transport.close()
        self._idle.clear()


def _request(port: int, key: str, reference: Path, probe: Path) -> bytes:
    parts = b"".join(
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; filename="{name}.jpg"\r\n'
        "Content-Type: image/jpeg\r\n\r\n".encode()
        + photo.read_bytes()
        + b"\r\n"
        for name, photo in (("reference", reference), ("probe", probe))
    )
    parts += f"--{_BOUNDARY}--\r\n".encode()
    head = (
        f"POST /v1/comparisons HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: multipart/form-data; boundary={_BOUNDARY}\r\nContent-Length: {len(parts)}\r\n\r\n"
    )
    return head.encode() + parts


# --- the two programs -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Server:
    """A `visavis serve` that answers."""

    pid: int
    port: int

    def memory_mb(self, name: str) -> float:
        """VmRSS or VmHWM."""
        found = re.search(rf"^{name}:\s+(\d+) kB", Path(f"/proc/{self.pid}/status").read_text(), re.MULTILINE)
        if found is None:
            raise RuntimeError(f"/proc tells no {name}")
        return int(found[1]) / 1024

    def cpu_s(self) -> float:
        """Seconds of CPU so far."""
        values = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(values[11]) + int(values[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def serving(folder: Path, environment: dict[str, str], *more: str) -> Iterator[Server]:
    """Serve for the length of the block. more: further options."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    with (folder / "serve.log").open("wb") as log:
        command = [*VISAVIS, "serve", "--folder", str(folder / "installation"), "--port", str(port)]
        command += ["--requests-per-minute", "1000000", *more]
        process = subprocess.Popen(command, stderr=log, stdin=subprocess.DEVNULL, env=environment)
    try:
        deadline = time.monotonic() + START_S
        while not _answers(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"visavis serve does not answer: {(folder / 'serve.log').read_text()[-2000:]}")
            time.sleep(0.05)
        yield Server(process.pid, port)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def run_batch(pairs: Sequence[Pair], folder: Path, environment: dict[str, str]) -> tuple[float, list[dict[str, Any]]]:
    """Rows a second of `visavis batch`, from the first tenth on, and the rows."""
    listed, out = folder / "pairs.csv", folder / "results.jsonl"
    journal = folder / "results.jsonl.partial"
    listed.write_text("reference,probe\n" + "".join(f"{one},{other}\n" for one, other in pairs))
    out.unlink(missing_ok=True)
    command = [*VISAVIS, "batch", str(listed), "--out", str(out)]
    lines, begun, started, ended = 0, 0, 0.0, 0.0  # the journal's first line is its header
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment) as process:
        while not journal.exists() and process.poll() is None:
            time.sleep(0.005)
        with journal.open("rb") as file:
            while lines <= len(pairs) and (process.poll() is None or file.peek()):
                lines += file.read().count(b"\n")
                now = time.perf_counter()
                if not started and lines > len(pairs) / 10:
                    begun, started = lines, now
                ended = now
                time.sleep(0.005)
    if process.returncode or lines != len(pairs) + 1:
        raise RuntimeError(f"visavis batch wrote {lines - 1} of {len(pairs)} rows")
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    return (lines - begun) / (ended - started), rows


# --- what is measured -------------------------------------------------------------------------------------------------


class Busy:
    """How many cores are busy during the block: with the client, with the server, and with anything else."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def __enter__(self) -> Self:
        self._started = self._now()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds, client, server, all_s = (
            after - before for before, after in zip(self._started, self._now(), strict=True)
        )
        shares = {"client": client, "server": server, "others": max(0.0, all_s - client - server)}
        self.cores = {name: share / self.seconds for name, share in shares.items()}

    def _now(self) -> tuple[float, ...]:
        user, nice, system, _, _, *interrupts = map(int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:8])
        all_s = (user + nice + system + sum(interrupts)) / os.sysconf("SC_CLK_TCK")
        return time.perf_counter(), time.process_time(), self._server.cpu_s(), all_s


def capacity(
    client: Client,
    server: Server,
    connections: int,
    rounds: int,
    batch: Callable[[], tuple[float, list[dict[str, Any]]]],
) -> dict[str, Any]:
    """The service's answers a second beside the batch's, in turn."""
    rates: dict[str, list[float]] = {"batch": [], "service": []}
    cores = {}
    for number in range(rounds):
        print(f"capacity, round {number + 1} of {rounds}", file=sys.stderr)
        rate, rows = batch()
        asyncio.run(client.closed(len(rows) // 10, connections))
        with Busy(server) as busy:
            answers = asyncio.run(client.closed(len(rows), connections))
        for row, answer in zip(rows, answers, strict=True):
            told = json.loads(answer.body) if answer.status in (200, 422) else {"code": answer.status}
            if (told.get("outcome"), told.get("score")) != (row["outcome"], row.get("score")) or (
                row["outcome"] is None and told["code"] != row["error"]["code"]
            ):
                raise RuntimeError(f"the service answers {answer.status} {answer.code}, and not as the batch does")
        rates["batch"].append(rate)
        rates["service"].append(len(answers) / busy.seconds)
        cores = busy.cores
    ratios = [mine / other for mine, other in zip(rates["service"], rates["batch"], strict=True)]
    return {
        "connections": connections,
        "batch_per_s": statistics.median(rates["batch"]),
        "service_per_s": statistics.median(rates["service"]),
        "ratio": statistics.median(ratios),
        "ratios": ratios,
        "cores": cores,
    }


def overload(client: Client, server: Server, connections: int, seconds: float) -> dict[str, Any]:
    """What becomes of twice as many requests as can be answered."""
    print("overload", file=sys.stderr)

    def peak_per_s() -> float:
        with Busy(server) as unhurried:
            asyncio.run(client.closed(len(client), connections))
        return len(client) / unhurried.seconds

    before = peak_per_s()
    with Busy(server) as busy:
        started = time.perf_counter() + SETTLING_S
        answers = asyncio.run(client.opened(2 * before, SETTLING_S + seconds))
    peak = statistics.mean((before, peak_per_s()))
    counted = [answer for answer in answers if started <= answer.at - answer.seconds < started + seconds]
    accepted = [answer for answer in counted if answer.status == 200 or answer.code.startswith("image_")]
    refused = [answer for answer in counted if answer.status == 429]
    done = sum(started <= each.at < started + seconds for each in answers if each.status in (200, 422))
    return {
        "arrivals_per_s": len(counted) / seconds,
        "peak_per_s": peak,
        "goodput_per_s": done / seconds,
        "goodput": done / seconds / peak,
        "accepted": len(accepted),
        "accepted_p50_s": _quantile(accepted, 0.5),
        "accepted_p99_s": _quantile(accepted, 0.99),
        "refused": len(refused),
        "refused_without_retry_after": sum(_RETRY_AFTER.search(answer.head) is None for answer in refused),
        "refused_p50_s": _quantile(refused, 0.5),
        "refused_p99_s": _quantile(refused, 0.99),
        "codes": Counter(f"{answer.status} {answer.code}".strip() for answer in counted),
        "cores": busy.cores,
    }


def _quantile(answers: Sequence[Answer], share: float) -> float:
    times = sorted(answer.seconds for answer in answers)
    return times[min(len(times) - 1, int(share * len(times)))] if times else 0.0


def memory(client: Client, server: Server, connections: int, requests: int) -> dict[str, Any]:
    """The server's resident memory over so many requests."""
    print("memory", file=sys.stderr)
    every = max(1, requests // 200)
    samples = [(0, server.memory_mb("VmRSS"))]

    def sample(count: int) -> None:
        if count % every == 0:
            samples.append((count, server.memory_mb("VmRSS")))

    answers = asyncio.run(client.closed(requests, connections, sample))
    wrong = Counter(answer.status for answer in answers if answer.status not in (200, 422))
    if wrong:
        raise RuntimeError(f"the service answered {dict(wrong)}")
    settled = [sample for sample in samples if sample[0] >= requests / 10]
    slope, _ = statistics.linear_regression(*zip(*settled, strict=True))
    return {
        "requests": requests,
        "first_mb": samples[0][1],
        "settled_mb": settled[0][1],
        "last_mb": samples[-1][1],
        "peak_mb": server.memory_mb("VmHWM"),
        "slope_mb_per_1000": 1e3 * slope,
        "samples": samples,
    }


# --- the run ----------------------------------------------------------------------------------------------------------


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--photos", type=Path, required=True, help="folder of photos, .jpg, searched with what is below it"
    )
    parser.add_argument("--pairs", type=int, default=800, help="of two photos each, none in two pairs")
    parser.add_argument("--rounds", type=int, default=3, help="of batch and service in turn")
    parser.add_argument("--connections", type=int, default=8, help="requests at a time, but for the overload")
    parser.add_argument("--seconds", type=float, default=20.0, help="of the overload")
    parser.add_argument("--requests", type=int, default=2_000, help="over which memory is watched")
    parser.add_argument("--json", type=Path, help="write the figures here")
    options = parser.parse_args()

    photos = sorted(options.photos.resolve().rglob("*.jpg"))
    random.Random(0).shuffle(photos)  # noqa: S311 - no secret
    pairs = list(zip(photos[::2], photos[1::2], strict=False))[: options.pairs]
    own = ("VISAVIS_FOLDER", "VISAVIS_DATABASE", "VISAVIS_KEYS", "VISAVIS_SHREDS")
    environment = {name: value for name, value in os.environ.items() if name not in own}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = [*VISAVIS, "init", "--folder", str(folder / "installation"), "--json"]
        made = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment).stdout)
        with serving(folder, environment) as server:
            client = Client(server.port, made["api_key"], pairs)
            figures: dict[str, Any] = {"pairs": len(pairs), "cpus": len(os.sched_getaffinity(0))}
            figures["capacity"] = capacity(
                client, server, options.connections, options.rounds, lambda: run_batch(pairs, folder, environment)
            )
            figures["overload"] = overload(client, server, options.connections, options.seconds)
            figures["memory"] = memory(client, server, options.connections, options.requests)
    _print(figures)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


def _print(figures: dict[str, Any]) -> None:
    one, two, three = figures["capacity"], figures["overload"], figures["memory"]
    rows = [
        ("capacity", f"{one['service_per_s']:.1f}/s", f"beside the batch's {one['batch_per_s']:.1f}/s; {_cores(one)}"),
        (
            "",
            f"{one['ratio']:.2f}",
            f"of it (at least 0.75); by round {' '.join(f'{each:.2f}' for each in one['ratios'])}",
        ),
        ("overload", f"{two['arrivals_per_s']:.1f}/s", f"arrive; {_cores(two)}"),
        (
            "",
            f"{two['goodput_per_s']:.1f}/s",
            f"answered: {two['goodput']:.2f} of the capacity, {two['peak_per_s']:.1f}/s (over 0.90)",
        ),
        ("", f"{two['accepted_p50_s']:.2f} s", "half of the accepted within this"),
        ("", f"{two['accepted_p99_s']:.2f} s", "99 % of them within this (under 2 s)"),
        ("", f"{two['refused']}", f"refused, {two['refused_without_retry_after']} of them without Retry-After"),
        ("", f"{two['refused_p50_s']:.3f} s", "half of the refusals within this"),
        ("", f"{two['refused_p99_s']:.3f} s", "99 % of them within this"),
        *(("", str(count), f"answers {code}") for code, count in sorted(two["codes"].items())),
        ("memory", f"{three['first_mb']:.0f} MB", f"before {three['requests']:,} requests"),
        ("", f"{three['settled_mb']:.0f} MB", "after a tenth of them"),
        ("", f"{three['last_mb']:.0f} MB", f"after all; the peak was {three['peak_mb']:.0f} MB"),
        ("", f"{three['slope_mb_per_1000']:+.2f} MB", "for each 1,000 requests after the first tenth"),
    ]
    for name, value, words in rows:
        print(f"{name:10}{value:>10}  {words}")


def _cores(figures: dict[str, Any]) -> str:
    return "cores: " + ", ".join(f"{who} {busy:.2f}" for who, busy in figures["cores"].items())


if __name__ == "__main__":
    main()
