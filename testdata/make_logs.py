"""Makes testdata/logs: ten web server logs in the common log format, and their sha1sum.txt.

The same bytes come out at each run. The digest of httpd-08.log is that of the
log before one status code in it was altered: it is wrong on purpose.

    python3 testdata/make_logs.py [FOLDER]
"""

from __future__ import annotations

import hashlib
import random
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

LOGS = 10
WRONG = "httpd-08.log"
START = datetime(2021, 3, 1, tzinfo=timezone(timedelta(hours=1)))
FOLDERS = ("", "about/", "archive/2019/", "archive/2020/", "docs/", "images/", "tools/")
PAGES = ("", "index.html", "feed.xml", "style.css", "logo.png", "map.svg", "paper.pdf", "search?q=tide")
STATUSES = (200, 200, 200, 200, 200, 200, 304, 304, 302, 404, 500)


def log(number: int) -> bytes:
    """Return the log with that number: some 1,200 lines, some 100 KB."""
    # Of random's methods only random() promises the same numbers in each version of Python.
    draw = random.Random(number).random

    def pick(choices: tuple[str, ...] | tuple[int, ...]) -> str | int:
        return choices[int(draw() * len(choices))]

    lines = []
    time = START + timedelta(days=number)
    for _ in range(1180 + int(draw() * 60)):
        time += timedelta(seconds=int(draw() * 140))
        host = f"192.0.2.{int(draw() * 256)}" if draw() < 0.5 else f"host{int(draw() * 900)}.example.net"
        status = pick(STATUSES)
        size = "-" if status == 304 else str(int(draw() * 90000))
        request = f"GET /{pick(FOLDERS)}{pick(PAGES)} HTTP/1.1"
        lines.append(f'{host} - - [{time:%d/%b/%Y:%H:%M:%S %z}] "{request}" {status} {size}\n')
    return "".join(lines).encode("ascii")


def main(folder: Path) -> None:
    """Write the logs and their manifest into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    manifest = []
    for number in range(LOGS):
        name, content = f"httpd-{number:02}.log", log(number)
        manifest.append(f"{hashlib.sha1(content).hexdigest()}  {name}\n")
        if name == WRONG:
            content = content.replace(b'" 200 ', b'" 206 ', 1)
        (folder / name).write_bytes(content)
    (folder / "sha1sum.txt").write_text("".join(manifest), "ascii")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "logs")
