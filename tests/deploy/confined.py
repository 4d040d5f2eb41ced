"""Runs a program under the system call filter of a systemd unit, where no systemd runs: confined.py UNIT PROGRAM...

What each group of calls holds is asked of systemd-analyze. A call outside of the filter ends the program with SIGSYS, as
the unit would; so does memory that is writable and executable, where the unit denies it. Root becomes `nobody` first,
because the unit names a user without rights too, and libraries make other calls as root.
"""

import ctypes
import os
import subprocess
import sys

ALLOW, KILL_PROCESS = 0x7FFF0000, 0x80000000
NO_SUCH_CALL = -1
PROT_WRITE, PROT_EXEC = 2, 4
MASKED_EQUAL = 7


class Comparison(ctypes.Structure):
    _fields_ = [("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]


def calls_of(group):
    shown = subprocess.run(["systemd-analyze", "syscall-filter", group], check=True, capture_output=True, text=True).stdout
    calls = set()
    for line in shown.splitlines()[1:]:
        word = line.strip()
        if word.startswith("@"):
            calls |= calls_of(word)
        elif word and not word.startswith("#"):
            calls.add(word)
    return calls


def settings(unit):
    with open(unit) as lines:
        return [tuple(line.strip().split("=", 1)) for line in lines if "=" in line and not line.startswith("#")]


def allowed(unit):
    calls = calls_of("@default")
    for name, value in settings(unit):
        if name != "SystemCallFilter":
            continue
        named = set().union(*(calls_of(word) if word.startswith("@") else {word} for word in value.lstrip("~").split()))
        calls = calls - named if value.startswith("~") else calls | named
    # The first call of the program itself, which systemd makes before its filter holds.
    return calls | {"execve"}


def confine(unit):
    seccomp = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    seccomp.seccomp_init.restype = ctypes.c_void_p
    seccomp.seccomp_init.argtypes = [ctypes.c_uint32]
    seccomp.seccomp_rule_add_array.argtypes = [
        ctypes.c_void_p,
        ctypes.c_uint32,
        ctypes.c_int,
        ctypes.c_uint,
        ctypes.POINTER(Comparison),
    ]
    seccomp.seccomp_load.argtypes = [ctypes.c_void_p]
    rules = seccomp.seccomp_init(KILL_PROCESS)

    def allow(call, *where):
        number = seccomp.seccomp_syscall_resolve_name(call.encode())
        if number == NO_SUCH_CALL:
            return
        done = seccomp.seccomp_rule_add_array(rules, ALLOW, number, len(where), (Comparison * len(where))(*where))
        # Calls of other machines have no number on this one.
        assert done == 0 or number < 0, f"{call}: {done}"

    denies_executable = ("MemoryDenyWriteExecute", "yes") in settings(unit)
    for call in sorted(allowed(unit)):
        if denies_executable and call == "mmap":
            for prot in (0, PROT_WRITE, PROT_EXEC):
                allow(call, Comparison(2, MASKED_EQUAL, PROT_WRITE | PROT_EXEC, prot))
        elif denies_executable and call in ("mprotect", "pkey_mprotect"):
            allow(call, Comparison(2, MASKED_EQUAL, PROT_EXEC, 0))
        else:
            allow(call)
    assert seccomp.seccomp_load(rules) == 0, "the filter could not be loaded"


NOBODY = 65534

if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)
confine(sys.argv[1])
os.execv(sys.argv[2], sys.argv[2:])
