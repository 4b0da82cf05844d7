"""Live captures beside each other: how many one core serves, and how soon each frame is answered.

    python benchmarks/live.py --photo PHOTO [--captures 4] [--rounds 3] [--json figures.json]

One `visavis serve --threads 1` runs as a process of its own, on one core where there are two or more, in a temporary
installation on SQLite; the clients are on the others. So many people are captured at the same time, each from frames that were
drawn before from PHOTO, ten a second, of a head that turns as asked to 0.3 s after it was. A frame is sent when its time has
come, unless two are still to be answered: what could not be sent is counted.

Told are the time from a frame to its guidance, the share of frames that were sent and looked at, and the time from the first
message to the decision. Goals: with four captures every frame is sent and looked at, 99 % of them are answered within 150 ms,
and a capture takes less than 12 s.
"""

import argparse
import asyncio
import hmac
import json
import os
import statistics
import struct
import subprocess
import tempfile
import time
import urllib.request
from dataclasses import dataclass, field
from math import radians
from pathlib import Path
from typing import Any

import cv2
from websockets.asyncio.client import ClientConnection, connect

from service import VISAVIS, serving
from visavis.evaluation.heads import FaceRelief, Pose, Surface
from visavis.image import Photo
from visavis.verifier import Verifier

FPS, REACTION_S, PACE_DEG_S = 10.0, 0.3, 45.0
GOALS = {"turn_left": (27, 0), "turn_right": (-27, 0), "nod": (0, 18)}
EYES_PX, SIZE_PX = 110.0, (480, 640)


def drawn(path: Path) -> dict[tuple[int, int], bytes]:
    """Frames of a head by yaw and pitch in degrees."""
    photo = Photo(path.read_bytes()).decode(1000).pixels
    with Verifier(threads=1) as verifier:
        face = verifier.acquire(photo).report.face
    if face is None:
        raise SystemExit("there is no single face in the photo")
    surface = Surface(photo, face.landmarks_px, FaceRelief())
    made = {}
    for yaw, pitch in [(yaw, 0) for yaw in range(-27, 28)] + [(0, pitch) for pitch in range(1, 19)]:
        picture = surface.draw(Pose(radians(yaw), radians(pitch)), eyes_px=EYES_PX, size_px=SIZE_PX)
        made[yaw, pitch] = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()
    return made


@dataclass
class Person:
    """Somebody who does as they are asked."""

    frames: dict[tuple[int, int], bytes]
    at: tuple[float, float] = (0.0, 0.0)
    code: str = ""
    heard_s: float = 0.0

    def hear(self, code: str, now_s: float) -> None:
        if code != self.code:
            self.code, self.heard_s = code, now_s

    def frame(self, now_s: float) -> bytes:
        goal = GOALS.get(self.code, (0, 0)) if now_s - self.heard_s >= REACTION_S else self.at
        most = PACE_DEG_S / FPS
        yaw, pitch = (here + max(-most, min(most, there - here)) for here, there in zip(self.at, goal, strict=True))
        self.at = yaw, pitch
        return self.frames[(round(yaw), 0) if abs(yaw) > 0.5 else (0, round(pitch))]


@dataclass
class Figures:
    """Of one capture. guided_s: from each frame that was answered to its answer."""

    guided_s: list[float] = field(default_factory=list)
    due: int = 0
    sent: int = 0
    seconds: float = 0.0
    status: str = ""


async def capture(
    port: int, session: dict[str, Any], frames: dict[tuple[int, int], bytes], reference: bytes
) -> Figures:
    """One capture, to its end."""
    address, told = f"ws://127.0.0.1:{port}/v1/capture/{session['id']}/live", Figures()
    async with connect(address, subprotocols=["visavis.live.1"], compression=None, proxy=None) as socket:  # type: ignore[list-item]
        started = time.perf_counter()
        start = {"type": "start", "secret": session["client_secret"], "consent": {"version": "1", "locale": "en"}}
        await socket.send(json.dumps(start))
        last = bytes.fromhex(json.loads(await socket.recv())["nonce"])
        key = hmac.digest(session["client_secret"].encode(), last, "sha256")
        person, sent_at, answered, count = Person(frames), {}, 1, 0

        async def send(kind: int, picture: bytes) -> None:
            nonlocal last, count
            count += 1
            head = struct.pack(">BI", kind, count)
            last = hmac.digest(key, last + head + picture, "sha256")
            sent_at[count] = time.perf_counter()
            await socket.send(head + last + picture)

        await send(4, reference)
        ended = asyncio.create_task(_hear(socket, person, sent_at, told))
        while not ended.done():
            due = started + told.due / FPS
            await asyncio.wait([ended], timeout=max(0.0, due - time.perf_counter()))
            if ended.done():
                break
            told.due += 1
            answered = max([1, *(number for number in range(1, count + 1) if number not in sent_at)])
            if count - answered < 2:
                told.sent += 1
                await send(0, person.frame(time.perf_counter()))
        told.status = await ended
        told.seconds = time.perf_counter() - started
    return told


async def _hear(socket: ClientConnection, person: Person, sent_at: dict[int, float], told: Figures) -> str:
    """Until the end. How it ended."""
    while True:
        said = json.loads(await socket.recv())
        now = time.perf_counter()
        if said["type"] != "guidance":
            return str(said.get("code") or said["capture"]["status"])
        told.guided_s.append(now - sent_at.pop(said["frame"]))
        for number in [number for number in sent_at if 1 < number < said["frame"]]:
            del sent_at[number]  # dropped
        person.hear(said["code"], now)


def opened(port: int, key: str) -> dict[str, Any]:
    body = json.dumps({"purpose": "door", "against": "upload"}).encode()
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/verification_sessions", body, headers)
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        told: dict[str, Any] = json.load(answer)
    return told


async def together(
    port: int, key: str, frames: dict[tuple[int, int], bytes], reference: bytes, count: int
) -> list[Figures]:
    sessions = [opened(port, key) for _ in range(count)]
    return await asyncio.gather(*(capture(port, session, frames, reference) for session in sessions))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--photo", type=Path, required=True)
    parser.add_argument("--captures", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    frames, reference = drawn(options.photo), options.photo.read_bytes()
    made: list[Figures] = []
    with tempfile.TemporaryDirectory() as name:
        folder, environment = Path(name), dict(os.environ)
        command = [*VISAVIS, "init", "--folder", str(folder / "installation"), "--json"]
        key = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)["api_key"]
        with serving(folder, environment, "--threads", "1", "--captures", "100") as server:
            for task in Path(f"/proc/{server.pid}/task").iterdir():
                os.sched_setaffinity(int(task.name), cores[:1])
            os.sched_setaffinity(0, cores[1:] or cores)
            asyncio.run(together(server.port, key, frames, reference, 1))  # what is loaded at first
            cpu_s, began = server.cpu_s(), time.perf_counter()
            for _ in range(options.rounds):
                made += asyncio.run(together(server.port, key, frames, reference, options.captures))
            busy = (server.cpu_s() - cpu_s) / (time.perf_counter() - began)
    guided = sorted(each for one in made for each in one.guided_s)
    due, sent = sum(one.due for one in made), sum(one.sent for one in made)
    figures = {
        "captures": options.captures,
        "rounds": options.rounds,
        "statuses": {status: sum(one.status == status for one in made) for status in {one.status for one in made}},
        "frames": {"due": due, "sent": sent, "looked_at": len(guided)},
        "guided_ms": {
            "median": 1e3 * statistics.median(guided),
            "p99": 1e3 * guided[int(0.99 * (len(guided) - 1))],
            "max": 1e3 * guided[-1],
        },
        "seconds": {"median": statistics.median(one.seconds for one in made), "max": max(one.seconds for one in made)},
        "server_cores": busy,
    }
    print(json.dumps(figures, indent=2))
    if options.json is not None:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
