"""What would be on the disk had the power gone: built from the records that powercut.c writes.

Content of a file is durable once the file was synced, a name once its directory was. Of everything else each name
change and each sector may or may not have arrived, whatever came first.
"""

import os
import shutil
import stat
import struct
from pathlib import Path

HEAD = struct.Struct("<cQQQI")
IS_NEW, IS_JOINED = 1, 2
# What SQLite maps into memory: written past every call, and made anew from nothing at each start.
MAPPED = "-shm"


class Record:
    """One line of the trace."""

    __slots__ = ("kind", "a", "b", "c", "bytes", "end")

    def __init__(self, kind, a, b, c, content, end):
        self.kind, self.a, self.b, self.c, self.bytes, self.end = kind, a, b, c, content, end

    def is_step(self):
        """Whether the power may go right after it; sent answers change nothing, and a rename is whole or not at all."""
        return self.kind != "O" and not (self.kind == "N" and self.c & IS_JOINED)


def records(trace):
    """The whole records of a trace, in order."""
    text, at = memoryview(Path(trace).read_bytes()), 0
    while at + HEAD.size <= len(text):
        kind, a, b, c, length = HEAD.unpack_from(text, at)
        at += HEAD.size + length
        if at > len(text):
            return
        yield Record(kind.decode(), a, b, c, bytes(text[at - length : at]), at)


class Node:
    """A file, directory, socket or link: as programs see it, as it is durable, and what lies between the two."""

    def __init__(self, mode):
        self.type = stat.S_IFMT(mode)
        self.content, self.durable = bytearray(), b""
        self.names, self.durable_names = {}, {}
        self.pending = []

    def write(self, at, piece):
        put(self.content, at, piece)
        self.pending.append((at, piece))

    def resize(self, length):
        resize(self.content, length)
        self.pending.append((length, None))

    def rename(self, changes):
        apply(self.names, changes)
        self.pending.append(changes)

    def sync(self):
        """Makes it durable; says whether there was anything to do."""
        if not self.pending:
            return False
        self.pending = []
        if self.type == stat.S_IFDIR:
            self.durable_names = dict(self.names)
        else:
            self.durable = bytes(self.content)
        return True


def put(content, at, piece):
    if len(content) < at:
        content.extend(bytes(at - len(content)))
    content[at : at + len(piece)] = piece


def resize(content, length):
    del content[length:]
    content.extend(bytes(length - len(content)))


def apply(names, changes):
    for name, node in changes:
        if node is None:
            names.pop(name, None)
        else:
            names[name] = node


class Disk:
    """All below one directory, which begins as it is there now, durable."""

    def __init__(self, root):
        self.nodes = {}
        self.root = self.known(Path(root))
        self.joined = []
        # How often something became durable, and how often a name changed: two equal pairs are one state.
        self.syncs = self.changes = 0

    def known(self, path):
        facts = path.lstat()
        if facts.st_ino in self.nodes:
            return self.nodes[facts.st_ino]
        node = self.nodes[facts.st_ino] = Node(facts.st_mode)
        if node.type == stat.S_IFDIR:
            node.names = {child.name: self.known(child) for child in path.iterdir()}
        elif node.type == stat.S_IFREG:
            node.content = bytearray(path.read_bytes())
        node.durable, node.durable_names = bytes(node.content), dict(node.names)
        return node

    def take(self, record):
        """Lets one record take effect."""
        if record.kind == "N":
            if record.b and record.c & IS_NEW:
                self.nodes[record.b] = Node(record.c >> 8)
            change = (self.nodes[record.a], record.bytes.decode(), self.nodes[record.b] if record.b else None)
            self.joined.append(change)
            if not record.c & IS_JOINED:
                for directory in {id(directory): directory for directory, _, _ in self.joined}.values():
                    directory.rename([(name, node) for there, name, node in self.joined if there is directory])
                self.joined = []
                self.changes += 1
        elif record.kind == "W":
            node = self.nodes[record.a]
            node.write(record.b, record.bytes)
            if record.c:
                durable = bytearray(node.durable)
                put(durable, record.b, record.bytes)
                node.durable = bytes(durable)
                self.syncs += 1
        elif record.kind == "T":
            self.nodes[record.a].resize(record.b)
        elif record.kind == "S":
            self.syncs += self.nodes[record.a].sync()
        elif record.kind == "A":
            self.syncs += sum(node.sync() for node in list(self.nodes.values()))
        else:
            assert record.kind == "O", f"no such record: {record.kind}"

    def is_settling(self, record):
        """Whether this record makes something durable that was not: the moment before, most is at stake."""
        return record.kind == "A" or (record.kind == "S" and bool(self.nodes[record.a].pending))

    def lay_out(self, arrival, directory):
        """Makes `directory` what is there after a power cut at which `arrival` decided what had arrived."""
        shutil.rmtree(directory, ignore_errors=True)
        self.lay(self.root, arrival, Path(directory), {})

    def lay(self, node, arrival, path, made):
        if node in made:
            os.link(made[node], path)
        elif node.type == stat.S_IFDIR:
            path.mkdir(mode=0o700)
            for name, child in arrival.names(node).items():
                self.lay(child, arrival, path / name, made)
        elif node.type == stat.S_IFREG:
            made[node] = path
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(arrival.content(node))
        elif node.type == stat.S_IFLNK:
            path.symlink_to(os.fsdecode(bytes(node.content)))
        elif node.type == stat.S_IFSOCK:
            os.mknod(path, stat.S_IFSOCK | 0o600)  # nobody listens there

    def differences(self, directory):
        """Where what programs see is not what the records say: a call that was missed, or misread."""
        return list(compared(self.root, Path(directory), ""))


def compared(node, path, name):
    if not os.path.lexists(path) or stat.S_IFMT(path.lstat().st_mode) != node.type:
        yield f"{name}: not there, or another kind of thing"
    elif node.type == stat.S_IFDIR:
        for child in set(os.listdir(path)) - set(node.names):
            yield f"{name}/{child}: made by a call that was not seen"
        for child, below in node.names.items():
            yield from compared(below, path / child, f"{name}/{child}")
    elif node.type == stat.S_IFREG and not name.endswith(MAPPED) and path.read_bytes() != node.content:
        yield f"{name}: written by a call that was not seen"


class Nothing:
    """Nothing arrived that was not synced."""

    def names(self, node):
        return node.durable_names

    def content(self, node):
        return node.durable


class Names(Nothing):
    """Every name arrived, and no content that was not synced: what a file system that orders its own data does."""

    def names(self, node):
        return node.names


class Some:
    """Each name change and each sector by chance, the sectors of one run all of 512 or all of 4,096 bytes."""

    def __init__(self, luck):
        self.luck = luck
        self.chance = luck.choice([0.1, 0.5, 0.9])
        self.sector = luck.choice([512, 4096])

    def arrives(self):
        return self.luck.random() < self.chance

    def names(self, node):
        names = dict(node.durable_names)
        for changes in node.pending:
            if self.arrives():
                apply(names, changes)
        return names

    def content(self, node):
        content = bytearray(node.durable)
        if len(node.content) > len(content) and self.arrives():
            resize(content, len(node.content))  # the length, whatever of the content
        for at, piece in node.pending:
            if piece is None:
                if self.arrives():
                    resize(content, at)
                continue
            end = at + len(piece)
            for begin in range(at - at % self.sector, end, self.sector):
                if self.arrives():
                    low, high = max(begin, at), min(begin + self.sector, end)
                    put(content, low, piece[low - at : high - at])
        return content
