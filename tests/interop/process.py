"""A demo that a script starts, kills and starts again itself. HOZON names the program."""

import contextlib
import os
import signal
import subprocess
import time
import tomllib
from pathlib import Path

from harness import Gateway

PATIENCE = 120


class Demo:
    """A demo in a directory of the script's."""

    def __init__(self, directory):
        self.directory = Path(directory)
        self.process = None

    def start(self, **environment):
        """Starts it, with more in its environment, and returns the gateway once it answers."""
        self.directory.parent.mkdir(parents=True, exist_ok=True)
        facts = self.directory / "demo.json"
        facts.unlink(missing_ok=True)
        program = os.environ.get("HOZON", "hozon")
        with self.log_path().open("ab") as log:
            self.process = subprocess.Popen(
                [program, "demo", "--dir", str(self.directory), "--listen", "127.0.0.1:0"],
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        began = time.monotonic()
        while not facts.exists():
            if self.process.poll() is not None:
                raise Ended(f"the demo ended with {self.process.returncode}: {self.log()[-800:]}")
            if time.monotonic() - began > PATIENCE:
                self.kill()
                raise AssertionError(f"the demo does not answer: {self.log()[-800:]}")
            time.sleep(0.02)
        return Gateway(self.directory)

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def ends_soon(self):
        """Whether it has ended, or is just about to: its connections close a moment before it is gone."""
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return False
        return True

    def kill(self):
        """Ends it as a power cut would: at once, all of it."""
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self):
        """Ends it as Ctrl-C would."""
        if self.alive():
            os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait(timeout=PATIENCE)

    def log_path(self):
        return self.directory.with_name(self.directory.name + ".log")

    def log(self):
        path = self.log_path()
        return path.read_text(errors="replace") if path.exists() else ""

    def settings(self):
        return tomllib.loads((self.directory / "hozon.toml").read_text())

    def index(self):
        """The database file."""
        return self.directory / self.settings()["index"]["path"]

    def blobs(self):
        """The stored files of bodies."""
        store = self.directory / self.settings()["store"]["directory"]
        return sorted(path for path in store.rglob("*") if path.is_file())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()


class Ended(AssertionError):
    """The demo ended by itself."""
