"""Memory stays flat: many transfers at once, each far larger than what they may hold together.

MEMORY_MIB is the size of each body (the bar is 512; the default keeps a CI run short), MEMORY_TRANSFERS how many.
"""

import os
import subprocess

from harness import KIB, MIB, Suite, payload, run
from process import Demo

suite = Suite("memory", drives_its_own=True)
SIZE = int(os.environ.get("MEMORY_MIB", "24")) * MIB
TRANSFERS = int(os.environ.get("MEMORY_TRANSFERS", "64"))
RESIDENT_MIB_MAX = 256


def peak(demo):
    """The most that has been resident so far, in MiB."""
    with open(f"/proc/{demo.process.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:")) // 1024


def forget_peak(demo):
    """Begins to measure anew (proc(5), clear_refs)."""
    with open(f"/proc/{demo.process.pid}/clear_refs", "w") as mark:
        mark.write("5")


def curl(gateway):
    """A curl that signs as the app."""
    who = gateway.people["app"]
    fixed = ["curl", "-sS", "-f", "--max-time", "900", "--cacert", gateway.ca, "--aws-sigv4", f"aws:amz:{gateway.region}:s3"]
    return fixed + ["-u", f"{who['access_key']}:{who['secret_key']}", "-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD"]


def curls(gateway, arguments_of):
    """Runs a curl for each transfer, all at once; asserts that all end well."""
    fixed = curl(gateway)
    started = [subprocess.Popen([*fixed, *arguments_of(number)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) for number in range(TRANSFERS)]
    failures = [one.stderr.read().decode() for one in started if one.wait() != 0]
    assert not failures, f"{len(failures)} of {TRANSFERS} failed: {failures[0][-300:]}"


def within_bound(demo, what):
    used = peak(demo)
    print(f"       {what}: peak {used} MiB with {TRANSFERS} transfers of {SIZE // MIB} MiB", flush=True)
    assert used <= RESIDENT_MIB_MAX, f"{used} MiB resident, at most {RESIDENT_MIB_MAX}"


@suite.case
def many_downloads_at_once(_, scratch):
    with Demo(scratch / "demo") as demo:
        gateway = demo.start()
        (scratch / "body").write_bytes(payload(SIZE))
        gateway.client().upload_file(str(scratch / "body"), "files", "big")
        forget_peak(demo)
        curls(gateway, lambda _number: ["-o", "/dev/null", f"{gateway.endpoint}/files/big"])
        within_bound(demo, "downloads")


@suite.case
def many_slow_downloads_at_once(_, scratch):
    with Demo(scratch / "demo") as demo:
        gateway = demo.start()
        (scratch / "body").write_bytes(payload(SIZE))
        gateway.client().upload_file(str(scratch / "body"), "files", "big")
        forget_peak(demo)
        curls(gateway, lambda _number: ["--limit-rate", str(SIZE // 12), "-o", "/dev/null", f"{gateway.endpoint}/files/big"])
        within_bound(demo, "slow downloads")


@suite.case
def many_uploads_at_once(_, scratch):
    with Demo(scratch / "demo") as demo:
        gateway = demo.start()
        body = scratch / "body"
        body.write_bytes(payload(SIZE))
        forget_peak(demo)
        curls(gateway, lambda number: ["-T", body, f"{gateway.endpoint}/files/up-{number}"])
        within_bound(demo, "uploads")


@suite.case
def one_gibibyte_goes_up_and_down(_, scratch):
    with Demo(scratch / "demo") as demo:
        gateway = demo.start()
        body = scratch / "body"
        make(body)
        forget_peak(demo)
        url = f"{gateway.endpoint}/files/giant"
        fixed = curl(gateway)
        run([*fixed, "-T", body, url])
        down = subprocess.Popen([*fixed, url], stdout=subprocess.PIPE)
        compared = subprocess.run(["cmp", body, "-"], stdin=down.stdout, capture_output=True, timeout=300, check=False)
        down.stdout.close()
        assert (down.wait(), compared.returncode) == (0, 0), f"{down.returncode} {compared.stdout} {compared.stderr}"
        used = peak(demo)
        print(f"       1 GiB: peak {used} MiB", flush=True)
        assert used <= RESIDENT_MIB_MAX, f"{used} MiB resident"


def make(path):
    """1 GiB that takes little room on the disk, no two chunks of it alike."""
    with path.open("wb") as file:
        for at in range(0, 1024 * MIB, 16 * KIB):
            file.seek(at)
            file.write(at.to_bytes(8, "big"))
        file.truncate(1024 * MIB)


if __name__ == "__main__":
    suite.main()
