"""trace.py FILE TASK...: is this a trace of exactly these tasks, among those of their kinds, and
one that Perfetto takes?"""

import json
import sys


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        trace = json.load(file)
    events = trace["traceEvents"]
    lanes = {e["tid"]: e["args"]["name"] for e in events if e["name"] == "thread_name"}
    slices = [e for e in events if e["ph"] == "X"]
    tasks = [f"{e['cat']} {e['name']}" for e in events if e["ph"] in "Xi"]
    kinds = {task.split(" ")[0] for task in sys.argv[2:]}
    assert sorted(t for t in tasks if t.split(" ")[0] in kinds) == sorted(sys.argv[2:]), tasks
    for event in events:
        assert event["ts"] >= 0 and event["tid"] in lanes, event
    for lane in lanes:
        end = 0
        for event in sorted((s for s in slices if s["tid"] == lane), key=lambda s: s["ts"]):
            assert event["dur"] >= 0 and event["ts"] >= end, event
            assert lanes[lane].startswith(event["cat"]), event
            assert event["args"]["state"] in ("done", "failed", "stopped"), event
            end = event["ts"] + event["dur"]
    begins = {e["id"]: e for e in events if e["ph"] == "s"}
    ends = {e["id"]: e for e in events if e["ph"] == "f"}
    assert begins.keys() == ends.keys()
    for number, begin in begins.items():
        assert begin["ts"] <= ends[number]["ts"], begin
        for arrow in (begin, ends[number]):
            assert any(s["tid"] == arrow["tid"] and s["ts"] <= arrow["ts"] <= s["ts"] + s["dur"]
                       for s in slices), arrow


main()
