"""A build: either it failed, or all of it is right, and the next one makes all of it either way.

WORK has the programs in `bin`, a project in `project` with what it downloads in `mirror`, both as
tests/functional/project.sh makes them. The word says how much is to be done: `unpack` for all of
it, `commit` for the last stage.
"""
import glob
import os
import re
import shutil
import subprocess

import inject


class Scenario:
    def __init__(self, fault, work, rest):
        self.work, self.fault, self.prefix = work, fault, []
        self.record = self.record_inside = f"{work}/record"
        self.store, self.base, self.out = f"{work}/store", f"{work}/base", f"{work}/project/out"
        self.environment = dict(os.environ, MINSYS_CACHE=self.store)
        self.command = [f"{work}/bin/minsys", "build", "-C", f"{work}/project", "--mirror",
                        f"{work}/mirror", "--isolation", "userns", "-j", "1"]
        self.make_base(rest[0])

    def build(self):
        return subprocess.run(self.command, env=self.environment, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False)

    def make_base(self, begin):
        """What each run starts from."""
        for folder in (self.store, self.base, self.out):
            shutil.rmtree(folder, ignore_errors=True)
        done = self.build()
        if done.returncode:
            raise SystemExit(done.stdout.decode())
        self.trees, self.result = self.look()
        subprocess.run(["cp", "-a", self.store, self.base], check=True)
        for folder in ("memos", "builds", "traces"):
            shutil.rmtree(f"{self.base}/{folder}")
        for key in glob.glob(f"{self.base}/results/*"):
            with open(key, encoding="ascii") as record:
                tree = re.search("[0-9a-f]{64}", record.read()).group()
            stage = open(key.replace("results", "actions"), encoding="utf-8").read()
            if begin == "unpack" or "stage second" in stage:
                os.remove(key)
                shutil.rmtree(f"{self.base}/trees/{tree}")
        if begin == "unpack":
            shutil.rmtree(f"{self.base}/unpacked")
            shutil.rmtree(f"{self.base}/trees")

    def prepare(self):
        for folder in (self.store, self.out):
            shutil.rmtree(folder, ignore_errors=True)
        subprocess.run(["cp", "-al", self.base, self.store], check=True)

    def look(self):
        try:
            with open(f"{self.out}/minsys/loud", encoding="utf-8") as loud:
                result = loud.read()
        except FileNotFoundError:
            result = None
        return sorted(os.path.basename(tree) for tree in glob.glob(f"{self.store}/trees/*")), result

    def learn(self, calls):
        """From the start of minsys-sandbox on, what that does is not at issue here."""
        self.programs = inject.Programs(calls)

    def counts(self, call):
        return not (self.programs.made(call) or
                    call.process == "0" and call.name in ("execve", "brk", "mprotect"))

    def is_late(self, _):
        return False

    def check_success(self, _):
        trees, result = self.look()
        if (trees, result) != (self.trees, self.result):
            return f"it succeeded, but came to {result!r} and the trees {trees}"
        return None

    def check_failure(self, message, _):
        if not re.search(r"(minsys: |failed: ?)\S", message):
            return f"the message is no good: {message!r}"
        if not set(self.look()[0]) <= set(self.trees):
            return "it failed, and left a tree that there should not be"
        return None

    def check_again(self):
        done = self.build()
        if done.returncode:
            return "the next build failed: " + done.stdout.decode(errors="replace")
        wrong = self.check_success("")
        if wrong:
            return "after the next build: " + wrong
        left = os.listdir(f"{self.store}/tmp")
        if left:
            return f"the next build left {left} in tmp"
        verified = subprocess.run([self.command[0], "gc", "--verify"], env=self.environment,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        text = verified.stdout.decode(errors="replace")
        if verified.returncode or re.search("(downloads|trees|unpacked|results)/", text):
            return "the store is damaged: " + text
        return None
