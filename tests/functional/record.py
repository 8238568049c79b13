"""record.py STORE PROJECT: put the record of a build into a store that never was: tasks side by
side, one that failed, and an output of ten thousand files, of which only the list is there."""

import hashlib
import json
import os
import sys

NAME = "20200101T000000.000Z-00000000"


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()


def tree(store, files):
    """The list of a tree, as src/store/tree.h has it; returns its digest."""
    folders = {path.rsplit("/", 1)[0] for path, _ in files if "/" in path}
    lines = [(folder, f"d {folder}\n") for folder in folders]
    lines += [(path, f"f {digest(path)} {size} {path}\n") for path, size in files]
    text = "".join(line for _, line in sorted(lines, key=lambda line: line[0].encode()))
    os.makedirs(f"{store}/trees/{digest(text)}", exist_ok=True)
    with open(f"{store}/trees/{digest(text)}/manifest", "w", encoding="utf-8") as file:
        file.write(text)
    return digest(text)


def task(kind, name, begin, end, needs, **rest):
    times = {} if begin is None else {"begin": begin, "end": end}
    keyed = {"key": digest(name)} if kind == "stage" else {}
    return {"kind": kind, "name": name, "state": "done", "needs": needs, **times, **keyed, **rest}


def tasks(store):
    many = tree(store, [(f"{f}/{n}", 40 * f + n) for f in range(100) for n in range(100)])
    image = tree(store, [("Image", 9876543), ("config", 65432)])
    return [
        task("download", "linux", 0, 41200, [], last=39000),
        task("unpack", "tools root", 41210, 52900, ["download linux"]),
        task("unpack", "linux", 41215, 58000, ["download linux"]),
        task("stage", "headers", 58050, 66900, ["unpack tools root", "unpack linux"],
             last=8600, tree=many),
        task("stage", "scripts", None, None, ["unpack tools root"], state="cached",
             tree=digest("gone")),
        task("stage", "sysroot", 66910, 98900, ["stage headers", "stage scripts"], tree=many,
             exports={"sysroot": "."}),
        task("stage", "linux", 66900, 312000, ["unpack tools root", "unpack linux"], last=300000,
             tree=image, exports={"Image": "Image"}),
        task("stage", "busybox", 98950, 164000, ["stage sysroot"], state="failed"),
        task("stage", "a-stage-with-a-name-that-is-as-long-as-anybody-would-ever-make-one",
             None, None, ["stage busybox"], state="skipped"),
    ]


def main():
    store, project = sys.argv[1:]
    record = {
        "format": "minsys build 1", "project": project, "target": "here", "began": 1577836800000,
        "milliseconds": 312010, "jobs": 2, "isolation": "userns", "ccache": False,
        "outcome": "failed", "asked": [], "tools_root": digest("tools"), "tools": digest("list"),
        "sources": {"linux": {"version": "6.12", "license": "GPL-2.0-only", "pin": digest("pin"),
                              "tree": digest("linux")}},
        "tasks": tasks(store),
    }
    text = json.dumps(record) + "\n"
    with open(f"{store}/builds/{NAME}", "w", encoding="utf-8") as file:
        file.write(text + digest(text) + "\n")


main()
