"""Generated projects and graphs, for the figures of a build with nothing to do."""

import os
import shutil
import subprocess

STAGE = """summary: Number {number}
{needs}files: [text]
run: cp /minsys/stage/stage-{number}/text "$OUT/text"
provides: part-{number}
"""


def needs_of(number):
    """Each fifth begins anew; the others need the one before and one halfway back."""
    return [] if number % 5 == 0 else sorted({number - 1, number // 2})


def make_project(folder, like, count):
    """A project of `count` stages with a file each, with the tools of the project `like`."""
    shutil.copytree(f"{like}/toolchain", f"{folder}/toolchain")
    os.makedirs(f"{folder}/targets/none")
    with open(f"{folder}/targets/none/target.yaml", "w") as file:
        file.write('summary: None\nenv: {SOURCE_DATE_EPOCH: "1"}\n')
    for number in range(count):
        stage = f"{folder}/stages/stage-{number}"
        os.makedirs(stage)
        needs = ", ".join(f"stage-{n}" for n in needs_of(number))
        with open(f"{stage}/stage.yaml", "w") as file:
            file.write(STAGE.format(number=number, needs=f"needs: [{needs}]\n" if needs else ""))
        with open(f"{stage}/text", "w") as file:
            file.write(f"{number}\n")
    with open(f"{folder}/stages/sources.yaml", "w") as file:
        file.write("{}\n")


def stages_of(minsys, project):
    """The stages of a project, their files and what they need: {name: (files, needs)}."""
    dot = subprocess.run(
        [minsys, "graph", "--dot", "-C", project], capture_output=True, text=True, check=True
    ).stdout
    stages = {}
    for line in dot.splitlines():
        words = [word for word in line.split('"')[1::2]]
        if "->" in line and len(words) == 2:
            stages.setdefault(words[1], ([], []))[1].append(words[0])
        elif words:
            stages.setdefault(words[0], ([], []))
    for name, (files, _) in stages.items():
        folder = f"{project}/stages/{name}"
        files += [
            os.path.join(top, file) for top, _, found in os.walk(folder) for file in found
        ]
    return stages


def make_ninja(folder, stages):
    """The same graph for ninja: an edge a stage, with its files as inputs, built once."""
    os.makedirs(f"{folder}/out")
    with open(f"{folder}/build.ninja", "w") as file:
        file.write("rule make\n  command = touch $out\n")
        for name, (files, needs) in stages.items():
            inputs = [path.replace(" ", "$ ").replace(":", "$:") for path in files]
            inputs += [f"out/{need}" for need in needs]
            file.write(f"build out/{name}: make {' '.join(inputs)}\n")
    subprocess.run(["ninja", "-C", folder], check=True, stdout=subprocess.DEVNULL)
