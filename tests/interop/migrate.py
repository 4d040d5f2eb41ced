"""Moves: an index to another database and bodies to another store, under writes, broken off, and compared object by object.

MIGRATE_POSTGRES names settings of an index on PostgreSQL, MIGRATE_STORE those of another store, as JSON: what the environment
of a gateway would say. Without them both moves go to another place on this disk.
"""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from backup import everything, fill
from harness import KIB, Suite, equal, payload, run
from process import Demo

suite = Suite("migrate", drives_its_own=True)
PLAIN = "files"
SCHEMA = "HOZON__INDEX__POSTGRES__SCHEMA"
PROGRAM = os.environ.get("HOZON", "hozon")


class Place:
    """A demo, and a second configuration that differs in what is to be moved."""

    def __enter__(self):
        self.directory = Path(tempfile.mkdtemp(prefix="hozon-migrate-"))
        self.demo = Demo(self.directory / "demo")
        self.new = {}
        return self

    def __exit__(self, *_):
        self.demo.kill()
        shutil.rmtree(self.directory)

    def command(self, *arguments):
        """Moves from the configuration of the demo to one that is the same but for `new`."""
        self.write()
        old, new = self.directory / "demo" / "hozon.toml", self.directory / "demo" / "new.toml"
        return [PROGRAM, "migrate", *arguments, "--config", str(old), "--to", str(new), "--output", "json"]

    def write(self):
        """The new configuration: each setting as the environment would give it, as a line of its section."""
        text = (self.directory / "demo" / "hozon.toml").read_text()
        sections = {}
        for name, value in self.new.items():
            *section, key = name.removeprefix("HOZON__").lower().split("__")
            sections.setdefault(".".join(section), {})[key] = value
        for section, keys in sections.items():
            head = f"[{section}]\n"
            for key, value in keys.items():
                kept = [line for line in text.split("\n")]
                begin = kept.index(head.strip()) if head.strip() in kept else None
                if begin is None:
                    kept += ["", head.strip()]
                    begin = len(kept) - 1
                end = next((at for at in range(begin + 1, len(kept)) if kept[at].startswith("[")), len(kept))
                kept[begin + 1 : end] = [line for line in kept[begin + 1 : end] if not line.startswith(f"{key} =")]
                shown = value if value.isdigit() or value.startswith("[") else json.dumps(value)
                kept.insert(begin + 1, f"{key} = {shown}")
                text = "\n".join(kept)
        (self.directory / "demo" / "new.toml").write_text(text)

    def move(self, *arguments, check=True):
        done = run(self.command(*arguments), check=check, cwd=self.directory)
        return json.loads(done.stdout) if check else done


def settings(name, default):
    return json.loads(os.environ[name]) if name in os.environ else default


def new_index(place):
    return settings("MIGRATE_POSTGRES", {"HOZON__INDEX__PATH": str(place.directory / "elsewhere" / "index.db")})


def another_index(place):
    """A new index that no case before has filled."""
    new = new_index(place)
    return {**new, SCHEMA: f"moved_{os.urandom(4).hex()}"} if "MIGRATE_POSTGRES" in os.environ else new


def new_store(place):
    return settings("MIGRATE_STORE", {"HOZON__STORE__DIRECTORY": str(place.directory / "other-bodies")})


@suite.case
def an_index_moves_whole_and_the_old_one_is_refused(_, __):
    with Place() as place:
        s3 = place.demo.start().client()
        fill(s3)
        before = everything(s3)
        place.new = new_index(place)
        running = place.move("index", check=False)
        assert running.returncode == 1 and b"stop" in running.stderr, running
        place.demo.kill()
        report = place.move("index")
        equal((report["store"]["missing"], report["store"]["unknown"]), (0, 0), "comparison")
        rows = dict(report["tables"])
        assert rows["versions"] == len(before) + 5 and rows["journal"] > 100, rows
        again = place.move("index", check=False)
        assert again.returncode == 1, again
        gateway = place.demo.start(**place.new)
        equal(everything(gateway.client()), before, "every version")
        store = json.loads(gateway.program("store", "show", "--output", "json").stdout)
        equal(store["collector"], "on", "collector")
        gateway.client().put_object(Bucket=PLAIN, Key="after", Body=b"after")
        place.demo.kill()
        try:
            place.demo.start()
        except AssertionError as error:
            assert "belongs to store" in str(error), error
        else:
            raise AssertionError("a gateway serves with the old index")


@suite.case
def a_move_that_is_killed_leaves_no_index_that_a_gateway_takes(_, __):
    with Place() as place:
        gateway = place.demo.start()
        fill(gateway.client())
        before = everything(gateway.client())
        place.demo.kill()
        for wait in (0.05, 0.15, 0.3):
            place.new = another_index(place)
            moving = subprocess.Popen(place.command("index"), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            time.sleep(wait)
            moving.send_signal(signal.SIGKILL)
            said = moving.communicate()[0]
            if b"moved" in said:
                break
            try:
                gateway = place.demo.start(**place.new)
            except AssertionError as error:
                assert "belongs to another index" in str(error), error
            else:
                # The move had ended, and only its report was lost.
                equal(everything(gateway.client()), before, "every version")
                break
            place.demo.kill()
            shutil.rmtree(place.directory / "elsewhere", ignore_errors=True)


@suite.case
def a_replica_goes_along(_, __):
    with Place() as place:
        replica = {"HOZON__REPLICA__DIRECTORY": str(place.directory / "replica"), "HOZON__REPLICA__MODE": "before"}
        os.environ.update(replica)
        try:
            gateway = place.demo.start()
            fill(gateway.client())
            before = everything(gateway.client())
            place.demo.kill()
            place.new = another_index(place)
            place.move("index")
            equal(everything(place.demo.start(**place.new).client()), before, "every version")
        finally:
            place.demo.kill()
            for name in replica:
                del os.environ[name]


@suite.case
def bodies_move_while_gateways_serve_and_then_for_good(_, __):
    with Place() as place:
        gateway = place.demo.start()
        s3 = gateway.client()
        fill(s3)
        place.new = new_store(place)
        stop, written = threading.Event(), []

        def write():
            number = 0
            while not stop.is_set():
                s3.put_object(Bucket=PLAIN, Key=f"meanwhile/{number}", Body=payload(50 * KIB, number))
                written.append(number)
                number += 1

        writer = threading.Thread(target=write)
        writer.start()
        # Broken off, and begun again.
        moving = subprocess.Popen(place.command("store", "--ahead"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.05)
        moving.send_signal(signal.SIGKILL)
        moving.wait()
        first = place.move("store", "--ahead")
        equal(first["store"], "ahead", "standing")
        second = place.move("store", "--ahead")
        assert second["transfer"]["there"] >= first["transfer"]["copied"], (first, second)
        stop.set()
        writer.join()
        before = everything(s3)
        assert len(written) > 5
        if "MIGRATE_POSTGRES" not in os.environ:
            refused = place.move("store", check=False)
            assert refused.returncode == 1 and b"stop" in refused.stderr, refused
        place.demo.kill()
        # A body that cannot be had keeps the old store in its place.
        victim = max(place.demo.blobs(), key=lambda path: path.stat().st_size)
        kept = victim.read_bytes()
        there = place.directory / "other-bodies" / victim.relative_to(victim.parents[2])
        is_local = there.exists()
        if is_local:
            there.unlink()
            victim.unlink()
            refused = place.move("store", check=False)
            assert refused.returncode == 1 and b"lacks bodies" in refused.stderr, refused
            victim.write_bytes(kept)
            # One that was copied long ago, has its length, and is not as it was stored, is no copy.
            place.move("store", "--ahead")
            there.write_bytes(kept[:-1] + bytes([kept[-1] ^ 1]))
            refused = place.move("store", check=False)
            assert refused.returncode == 1 and b"not as it was stored" in refused.stderr, refused
            there.unlink()
        report = place.move("store")
        equal((report["store"], report["compared"]["missing"], report["compared"]["truncated"]), ("moved", 0, 0), "report")
        equal(report["compared"]["frames"], report["transfer"]["there"] + report["transfer"]["copied"], "bodies")
        equal(everything(place.demo.start(**place.new).client()), before, "every version")
        place.demo.kill()
        try:
            place.demo.start()
        except AssertionError as error:
            assert "belongs to store" in str(error), error
        else:
            raise AssertionError("a gateway serves with the old store")


if __name__ == "__main__":
    suite.main()
