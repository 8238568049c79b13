"""Chromium without a window, driven through its DevTools protocol over a pair of pipes."""

import base64
import json
import os
import subprocess
import tempfile
import time


class Browser:
    """One page. What goes wrong in it is in `errors`, what it asks for in `requests`."""

    def __init__(self):
        self.errors = []
        self.requests = []
        self._number = 0
        self._home = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        to_read, self._to = os.pipe()
        self._from, to_write = os.pipe()
        self._rest = b""

        def pipes():
            # The browser reads from 3 and writes to 4.
            first, second = os.dup(to_read), os.dup(to_write)
            os.dup2(first, 3)
            os.dup2(second, 4)
            os.closerange(5, 256)

        arguments = ["chromium", "--headless", "--remote-debugging-pipe", "--disable-gpu",
                     "--disable-dev-shm-usage", "--no-first-run", "--hide-scrollbars",
                     "--disable-background-networking", "--disable-component-update",
                     "--disable-crash-reporter", f"--user-data-dir={self._home.name}/profile"]
        if not self._can_sandbox():
            arguments.append("--no-sandbox")
        self._process = subprocess.Popen(
            arguments + ["about:blank"], close_fds=False, preexec_fn=pipes,
            env={**os.environ, "HOME": self._home.name},
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_read)
        os.close(to_write)
        self._session = None
        target = self._wait_for_target()
        answer = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = answer["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(domain + ".enable")
        self.call("Performance.enable", timeDomain="threadTicks")

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.close()

    @staticmethod
    def _can_sandbox():
        """Its sandbox wants an ordinary user, and namespaces."""
        trial = subprocess.run(["unshare", "-Urp", "--fork", "true"], stderr=subprocess.DEVNULL,
                               check=False)
        return os.getuid() != 0 and not trial.returncode

    def _wait_for_target(self):
        for _ in range(300):
            for target in self.call("Target.getTargets")["targetInfos"]:
                if target["type"] == "page":
                    return target["targetId"]
            time.sleep(0.1)
        raise RuntimeError("Chromium opens no page")

    def _read(self):
        while b"\0" not in self._rest:
            more = os.read(self._from, 1 << 20)
            if not more:
                raise RuntimeError("Chromium has ended")
            self._rest += more
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)

    def _note(self, message):
        event = message.get("params", {})
        match message.get("method"):
            case "Runtime.exceptionThrown":
                self.errors.append(event["exceptionDetails"].get("exception", {}).get(
                    "description", event["exceptionDetails"]["text"]))
            case "Log.entryAdded":
                self.errors.append(event["entry"]["text"])
            case "Runtime.consoleAPICalled":
                self.errors.append(str(event["args"]))
            case "Network.requestWillBeSent":
                self.requests.append(event["request"]["url"])

    def call(self, method, **parameters):
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while (answer := self._read()).get("id") != self._number:
            self._note(answer)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def show(self, path, width, height, dark=False, media=""):
        """Open a file in a screen of that size, and wait until it is drawn."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=1, mobile=width < 600)
        self.call("Emulation.setEmulatedMedia", media=media, features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        self.call("Page.navigate", url="file://" + path)
        while self.evaluate("document.readyState") != "complete" or \
                self.evaluate("location.href") == "about:blank":
            time.sleep(0.02)
        self.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")

    def work(self):
        """The processor's seconds that the page took up to now, however busy the machine is;
        with those of pages before, when it is in the same process."""
        metrics = self.call("Performance.getMetrics")["metrics"]
        return next(m["value"] for m in metrics if m["name"] == "TaskDuration")

    def evaluate(self, expression):
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True,
                           awaitPromise=True)
        if "exceptionDetails" in result:
            raise RuntimeError(str(result["exceptionDetails"]))
        return result["result"].get("value")

    def press(self, key, code):
        for kind in ("rawKeyDown", "char", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code,
                      text="\r" if key == "Enter" and kind == "char" else "")

    def picture(self, path, whole=True):
        """A PNG of the page, or only of what is on the screen."""
        answer = self.call("Page.captureScreenshot", captureBeyondViewport=whole)
        with open(path, "wb") as file:
            file.write(base64.b64decode(answer["data"]))

    def print(self, path):
        """A PDF, as from a printer."""
        answer = self.call("Page.printToPDF", printBackground=True, paperWidth=8.27,
                           paperHeight=11.7)
        with open(path, "wb") as file:
            file.write(base64.b64decode(answer["data"]))

    def close(self):
        try:
            self._session = None
            self.call("Browser.close")
        except RuntimeError:
            pass
        self._process.wait(10)
        self._home.cleanup()
