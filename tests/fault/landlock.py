"""The same as sandbox.py with isolation `landlock`.

WORK is the `/` of a container, a tools root with BusyBox in bin/ under all its names, fault in
minsys/ and minsys-sandbox in bin/. The words are what enters it.
"""
import os
import re

import sandbox

LOOK = r"""
{
	id; umask; pwd; env
	grep -E '^(NoNewPrivs|Seccomp|Cap|Groups|Sig[BIC]|Uid|Gid)' /proc/self/status
	cat /proc/self/limits
	for fd in /proc/self/fd/*; do [ ! -e "$fd" ] || echo "${fd##*/}"; done
	readlink /proc/self/fd/0
	ls /tmp; ls /minsys; cat /minsys/other; mkdir /changed /etc/changed /minsys/changed
	cat /dev/kmsg; echo >/etc/minsys-tools-root
} >canary 2>&1
exit 0
"""


class Scenario(sandbox.Scenario):
    def __init__(self, fault, work, rest):
        super().__init__(fault, work, rest)
        self.prefix = rest
        self.fault = "/minsys/fault"
        self.record, self.record_inside = f"{work}/minsys/record", "/minsys/record"
        self.out = f"{work}/minsys/out"
        self.command = [
            "/bin/minsys-sandbox", "--isolation", "landlock", "--root", "/", "--rw",
            "/minsys/out:/minsys/out", "--chdir", "/minsys/out", "--setenv", "PATH=/bin", "--",
            "/bin/busybox", "sh", "-c", LOOK]

    def prepare(self):
        super().prepare()
        # Whoever is root in the container may be another user outside.
        status = os.stat(f"{self.work}/minsys")
        os.chown(self.out, status.st_uid, status.st_gid)

    def read(self):
        found = super().read()
        # Each step has a uid of its own.
        return found and re.sub(r"\b(1[89]|2[01])\d{8}\b", "UID", found)
