#!/usr/bin/env python3
"""Cut the power at each moment of a build, and see whether the store is still to be trusted.

    power_cut.py RECORD STORE WORK -- COMMAND...

RECORD is what `strace -f -y` said of a build that made STORE from nothing. All that it did there is
done again in memory; at each point what a disk may then hold is put into a new folder, WORK/store:

    ordered         all that was done until then
    nothing of it,  all names, but of files that were not flushed nothing,
    half of it      or half
    flushed         only what was flushed: contents by fsync(2) of the file, names by that of the
                    folder, both by syncfs(2)

COMMAND has to make of each what it makes of an empty store; it is told where the store is by
MINSYS_CACHE. What it prints, and how often something was tried, is printed.
"""
import hashlib
import os
import re
import shutil
import subprocess
import sys


class Node:
    """A file, folder or link; a folder's names lead to other nodes."""

    def __init__(self, kind, text="", mode=0o644):
        self.kind, self.text, self.mode = kind, text, mode
        self.content = b""
        self.is_flushed = False
        self.names, self.flushed_names = {}, {}


class Disk:
    def __init__(self, top):
        self.top, self.root = top, Node("folder")

    def parts(self, path):
        return [part for part in os.path.relpath(path, self.top).split("/") if part != "."]

    def find(self, path):
        node = self.root
        for part in self.parts(path):
            node = node.names.get(part)
            if node is None:
                return None
        return node

    def place(self, path):
        """The folder that a path is in, and its name there."""
        parts = self.parts(path)
        return (self.find("/".join([self.top] + parts[:-1])), parts[-1]) if parts else (None, "")

    def all(self, node=None):
        node = node or self.root
        yield node
        for child in list(node.names.values()):
            yield from self.all(child)

    def add(self, path, node):
        folder, name = self.place(path)
        if folder:
            folder.names[name] = node

    def remove(self, path):
        folder, name = self.place(path)
        return folder.names.pop(name, None) if folder else None

    def flush_all(self):
        for node in self.all():
            node.is_flushed, node.flushed_names = True, dict(node.names)

    def learn_contents(self):
        """What the files that are left hold: each was written once."""
        def learn(node, path):
            if node.kind == "file" and os.path.isfile(path):
                with open(path, "rb") as file:
                    node.content = file.read()
            for name, child in node.names.items():
                learn(child, f"{path}/{name}")
        learn(self.root, self.top)


CALL = re.compile(r"(\d+) +(?:<\.\.\. )?(\w+)(\(| resumed>)(.*)$")
PATHS = re.compile(r'(?:(?:(\d+)|AT_FDCWD)<([^>]*)>, )?"((?:[^"\\]|\\.)*)"')


def calls(record):
    """The name and the text of each call that was done, in the order in which they were."""
    begun = {}
    with open(record, encoding="utf-8", errors="surrogateescape") as lines:
        for line in lines:
            match = CALL.match(line.rstrip("\n"))
            if not match:
                continue
            process, name, _, rest = match.groups()
            if rest.endswith("<unfinished ...>"):
                begun[process] = rest[:-len("<unfinished ...>")]
                continue
            text = begun.pop(process, "") + rest
            if not re.search(r"= -\d+ E|= \?", text):
                yield name, text


class Replay:
    """One step of it a call."""

    def __init__(self, disk, contents=None):
        self.disk, self.contents, self.files = disk, contents, []

    def make_file(self, path, mode):
        node = Node("file", mode=mode)
        if self.contents:
            node.content = self.contents[len(self.files)]
        self.files.append(node)
        self.disk.add(path, node)

    def paths(self, text):
        """All that a call names, absolute."""
        found = []
        for match in PATHS.finditer(text):
            folder, path = match.group(2) or "", match.group(3)
            found.append(os.path.normpath(os.path.join(folder or "/", path)))
        return found

    def is_here(self, path):
        return path == self.disk.top or path.startswith(self.disk.top + "/")

    def opened(self, text):
        path = re.search(r"= \d+<([^>]*)>", text)
        mode = re.search(r"(?:, |mode=)0(\d+) ?[),]", text)
        if "O_CREAT" not in text or not path or not self.is_here(path.group(1)):
            return False
        node = self.disk.find(path.group(1))
        if node is None:
            self.make_file(path.group(1), int(mode.group(1), 8))
        elif "O_TRUNC" in text:
            node.is_flushed = False
        return True

    def written(self, text):
        path = re.match(r"\d+<([^>]*)>", text)
        node = path and self.is_here(path.group(1)) and self.disk.find(path.group(1))
        if node:
            node.is_flushed = False
        return bool(node)

    def flushed(self, name, text):
        path = re.match(r"\d+<([^>]*)>", text).group(1)
        if not self.is_here(path):
            return False
        node = self.disk.find(path)
        if name == "syncfs":
            self.disk.flush_all()
        elif node:
            node.is_flushed, node.flushed_names = True, dict(node.names)
        return True

    def renamed(self, text):
        source, target = self.paths(text)
        if not self.is_here(source) and not self.is_here(target):
            return False
        node = self.disk.remove(source)
        if node and self.is_here(target):
            self.disk.add(target, node)
        return True

    def step(self, name, text):
        """Whether it did something in the store."""
        if name in ("openat", "openat2"):
            return self.opened(text)
        if name in ("write", "pwrite64", "ftruncate", "ioctl"):
            return self.written(text)
        if name == "copy_file_range":
            return self.written(text.split(", ", 2)[2])
        if name in ("fsync", "fdatasync", "syncfs"):
            return self.flushed(name, text)
        if name in ("renameat", "renameat2", "rename"):
            return self.renamed(text)
        paths = self.paths(text)
        if not paths or not self.is_here(paths[-1]):
            return False
        if name in ("mkdirat", "mkdir"):
            self.disk.add(paths[-1], Node("folder"))
        elif name in ("unlinkat", "unlink", "rmdir"):
            self.disk.remove(paths[-1])
        elif name == "symlinkat":
            link = PATHS.match(text).group(3)
            self.disk.add(paths[-1], Node("link", link))
        elif name == "linkat":
            self.disk.add(paths[-1], self.disk.find(paths[0]))
        else:
            return False
        return True


def content_of(node, model):
    if node.is_flushed or model == "ordered":
        return node.content
    return node.content[:len(node.content) // 2] if model == "half of it" else b""


def names_of(node, model):
    return node.flushed_names if model == "flushed" else node.names


def signature(node, model, path=""):
    """What of a state decides; work in progress and what only explains does not."""
    digest = hashlib.sha256()
    for name, child in sorted(names_of(node, model).items()):
        below = f"{path}/{name}"
        if below in ("/tmp", "/logs", "/locks", "/builds", "/traces"):
            continue
        digest.update(f"{below} {child.kind} {child.text}".encode())
        digest.update(content_of(child, model) if child.kind == "file" else
                      signature(child, model, below))
    return digest.digest()


def write(node, model, path):
    if node.kind == "link":
        os.symlink(node.text, path)
    elif node.kind == "file":
        with open(path, "wb") as file:
            file.write(content_of(node, model))
        os.chmod(path, node.mode)
    else:
        os.mkdir(path)
        for name, child in names_of(node, model).items():
            write(child, model, f"{path}/{name}")
    os.utime(path, (1, 1), follow_symlinks=False)


class Trial:
    def __init__(self, work, command):
        self.store, self.command = f"{work}/store", command
        self.seen, self.wrong = set(), 0

    def try_out(self, disk, model, moment):
        mark = signature(disk.root, model)
        if mark in self.seen:
            return
        self.seen.add(mark)
        shutil.rmtree(self.store, ignore_errors=True)
        write(disk.root, model, self.store)
        done = subprocess.run(self.command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              env=dict(os.environ, MINSYS_CACHE=self.store), check=False)
        if done.returncode:
            self.wrong += 1
            print(f"{model}, cut after {moment}:\n{done.stdout.decode(errors='replace')}")


def main():
    end = sys.argv.index("--")
    record, top, work = sys.argv[1:end]
    whole = Disk(top)
    replay = Replay(whole)
    steps = [call for call in calls(record) if replay.step(*call)]
    whole.learn_contents()
    if not whole.root.names.get("results", Node("folder")).names:
        sys.exit("the record holds no result")
    trial = Trial(work, sys.argv[end + 1:])
    # Each file is written once: what it holds in the end is what was written to it.
    replay = Replay(Disk(top), [node.content for node in replay.files])
    for number, (name, text) in enumerate(steps):
        replay.step(name, text)
        for model in ("ordered", "nothing of it", "half of it", "flushed"):
            trial.try_out(replay.disk, model, f"{number + 1}: {name}({text}")
    print(f"{len(steps)} writes, {len(trial.seen)} states, {trial.wrong} came out wrong")
    sys.exit(1 if trial.wrong or len(trial.seen) < 20 else 0)


if __name__ == "__main__":
    main()
