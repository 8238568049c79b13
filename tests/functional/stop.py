#!/usr/bin/env python3
"""stop.py SIGNAL LOG TEXT COMMAND...: run a command with its output in the file LOG, send it SIGNAL
once each of the lines of TEXT stands in there, and print how it ended: "signal N" or "status N", and
the milliseconds that it took. A shell would have it ignore SIGINT."""

import signal
import subprocess
import sys
import time

number = signal.Signals[sys.argv[1]]
with open(sys.argv[2], "w") as log:
    process = subprocess.Popen(
        sys.argv[4:], stdout=log, stderr=log,
        # A job in the background of a shell has SIGINT ignored, and so have all that it starts.
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),
    )
deadline = time.monotonic() + 30
while process.poll() is None:
    with open(sys.argv[2]) as log:
        text = log.read()
    if all(line in text for line in sys.argv[3].splitlines()):
        break
    if time.monotonic() > deadline:
        process.kill()
        sys.exit("it did not come so far:\n" + text)
    time.sleep(0.02)
time.sleep(0.2)
began = time.monotonic()
process.send_signal(number)
status = process.wait(20)
what = f"signal {signal.Signals(-status).name}" if status < 0 else f"status {status}"
print(what, round((time.monotonic() - began) * 1000))
