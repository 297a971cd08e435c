#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright The frond authors
"""Plants bugs at random places of lib, one at a time, and counts how many of them the tests find.

    mutation.py FOLDER [COUNT [SEED]]

Works on a copy of the tree in FOLDER/source, built with -O1 in FOLDER/build. Where FOLDER/../coverage/reached.json is
there (tools/coverage.py makes it) only test programs that run the line are run, the one that takes least time first.
A bug that does not compile, or that leaves the object code as it was, is drawn again. Fails if fewer than 95 % are
found. tests/mutation.txt lists bugs that are none, because the program means the same with them. FOLDER/found.json
keeps which were found: a run after tests were added plants only the others again. Remove it after other changes of
tests."""

import hashlib
import json
import os
import pathlib
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import time

TOP = pathlib.Path(__file__).resolve().parent.parent
WANTED = 0.95
SCRIPTS = ["tests/check_simple_rnn.sh", "tests/check_frond.sh", "tests/check_examples.sh"]

# --- Bugs -------------------------------------------------------------------------------------------------------------

OTHER = {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "==", "+": "-", "-": "+", "+=": "-=",
         "-=": "+=", "&&": "||", "||": "&&", "++": "--", "--": "++", "*": "/", "*=": "/=", "!": ""}
OPERATORS = [r"(?<= )(?:[<>]=?|[=!]=)(?= )", r"(?<= )(?:[-+*]=?)(?= )", r"(?<= )(?:&&|\|\|)(?= |$)",
             r"\+\+|--", r"!(?=[\w(])"]
CONSTANT = r"(?<![\w.\"'])\d+(?![\w.])"
STATEMENT = r"\s+(?!return\b|goto\b|else\b|case\b|default\b)[\w*(][^{}]*;$"
DECLARATION = r"\s*(?:\w+\s+)+\**\w+\s*(?:[=;,(]|\[)"


def code_of(text):
    """Returns the text with comments and strings blanked out, so that places in it stay what they are."""
    def blank(m):
        return re.sub(r"[^\n]", " ", m[0])
    return re.sub(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])+'", blank, text, flags=re.S)


def bodies(lines):
    """Yields the numbers of the lines inside functions and tables, without macros and without the tests' cases."""
    in_macro, tests, cases = False, 0, 0
    for i, line in enumerate(lines):
        directive = line.startswith("#")
        if directive and tests:
            tests += line.startswith("#if") - line.startswith("#endif")
        elif line.startswith("#ifdef FR_TESTS"):
            tests = 1
        if cases or "FR_CASES(" in line:  # FR_CASES(...) holds inputs and golden values
            cases += line.count("(") - line.count(")")
        elif not (directive or in_macro or tests) and line.startswith("    "):
            yield i
        in_macro = (directive or in_macro) and line.endswith("\\")


def bugs_in(lines, i):
    """Yields line i with one bug in it, for each bug that it can have."""
    line = lines[i]
    for pattern in OPERATORS:
        for m in re.finditer(pattern, line):
            yield m.start(), m.end(), OTHER[m[0]]
    if not re.match(DECLARATION + r"?[^=]*\[\d+\]", line):  # an array's size
        for m in re.finditer(CONSTANT, line):
            yield m.start(), m.end(), str(int(m[0]) + 1)
    before = next((x.rstrip() for x in reversed(lines[:i]) if x.strip()), "")
    if re.fullmatch(STATEMENT, line) and not re.match(DECLARATION, line) and before[-1:] in ";{}:)":
        yield len(line) - len(line.lstrip()), len(line), ";"


def all_places(source):
    places = []
    for path in sorted((source / "lib").rglob("*.[ch]")):
        text = path.read_text()
        original, lines = text.split("\n"), [x.rstrip() for x in code_of(text).split("\n")]
        for i in bodies(lines):
            found = [original[i][:a] + new + original[i][b:] for a, b, new in bugs_in(lines, i)]
            if found:
                places.append((str(path.relative_to(source)), i, original[i], found))
    return places


def explained():
    """Returns the bugs that are none: (file, line, line with the bug) of each paragraph of tests/mutation.txt."""
    known = set()
    for paragraph in (TOP / "tests/mutation.txt").read_text().split("\n\n"):
        lines = [x.strip() for x in paragraph.strip().split("\n") if not x.startswith("#")]
        if len(lines) >= 4:
            known.add(tuple(lines[:3]))
            if lines[1] not in [x.strip() for x in (TOP / lines[0]).read_text().split("\n")]:
                sys.exit(f"tests/mutation.txt: {lines[0]} has no line: {lines[1]}")
    return known

# --- Builds and tests -------------------------------------------------------------------------------------------------


def run(command, build, cpu=None, wall=None):
    """Returns whether the command succeeds within these seconds. Ends what it leaves behind."""
    def limit():
        if cpu:
            resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu + 5))
            resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
    with subprocess.Popen(command, cwd=build, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=limit,
                          env=dict(os.environ, FROND_TESTS=str(build.parent / "source/tests")),
                          start_new_session=True) as process:
        try:
            return process.wait(wall) == 0
        except subprocess.TimeoutExpired:
            return False
        finally:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass


def make(build, *targets):
    return run(["make", "-s", *targets], build)


def digest(build):
    return hashlib.sha256((build / ".libs/libfrondtest.a").read_bytes()).digest()


def prepare(folder):
    """Makes or updates the copy, without touching what has not changed, and builds it."""
    source, build = folder / "source", folder / "build"
    files = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=TOP, capture_output=True, text=True,
                           check=True).stdout.split("\n")
    made = ["aclocal.m4", "config.h.in", "configure", "Makefile.in"]  # of the others, so copied after them
    for name in [*filter(None, files), *(str(p.relative_to(TOP)) for p in TOP.glob("build-aux/*")), *made]:
        copy = source / name
        if not copy.exists() or copy.read_bytes() != (TOP / name).read_bytes():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(TOP / name, copy)
    build.mkdir(parents=True, exist_ok=True)
    if not (build / "Makefile").exists():
        subprocess.run([source / "configure", "-q", "--disable-shared", "CFLAGS=-O1"], cwd=build, check=True)
    if not make(build, "all") or not make(build, "check", "TESTS="):
        sys.exit("the copy does not build")
    return source, build


def seconds_of(build):
    """Runs each test program and returns the seconds of processor time that it takes."""
    kept = build.parent / "seconds.json"
    seconds = json.loads(kept.read_text()) if kept.exists() else {}
    for program in sorted((build / "tests").glob("check_*")):
        if program.suffix or not program.is_file() or program.name in seconds:
            continue
        start = os.times()
        if not run([str(program)], build):
            sys.exit(f"{program.name} fails without a bug")
        end = os.times()
        seconds[program.name] = end[2] - start[2] + end[3] - start[3]
    kept.write_text(json.dumps(seconds))
    return seconds


class Tests:
    """The test programs, in the order in which they are likely to find a bug soonest."""

    def __init__(self, build, reached):
        self.build, self.reached, self.found = build, reached, {}
        self.seconds = seconds_of(build)

    def order(self, file, line):
        names = self.seconds
        for at in range(line + 1, max(line - 9, 0), -1) if self.reached else ():  # gcov counts a statement's first line
            names = [n for n in self.seconds if at in self.reached.get(n, {}).get(file, ())]
            if names:
                break
        return sorted(names, key=lambda n: self.seconds[n] / (1 + 4 * self.found.get((file, n), 0)))

    def finder(self, file, line):
        """Returns the test that finds the bug which is planted in the file, or None."""
        for name in self.order(file, line):
            limit = self.seconds[name]
            if not make(self.build, f"tests/{name}"):
                return "the linker"
            if not run([f"tests/{name}"], self.build, int(10 + 5 * limit), 60 + 20 * limit):
                self.found[file, name] = self.found.get((file, name), 0) + 1
                return name
        for script in SCRIPTS:
            if not run(["make", "-s", "check", f"TESTS={script}"], self.build, 60, 600):
                return pathlib.Path(script).name
        return None


def main():
    folder = pathlib.Path(sys.argv[1]).resolve()
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 100
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    source, build = prepare(folder)
    reached = folder.parent / "coverage/reached.json"
    reached = json.loads(reached.read_text()) if reached.exists() else {}
    tests, original, known = Tests(build, reached), digest(build), explained()
    places, survivors, done, none, start = all_places(source), [], 0, 0, time.time()
    draw = random.Random(seed)
    kept = folder / "found.json"  # by whom each bug was found, for the next run: tests that are added lose none
    found_before = json.loads(kept.read_text()) if kept.exists() else {}
    while done < count and places:
        file, i, old, found = places.pop(draw.randrange(len(places)))
        new = draw.choice(found)
        if (file, old.strip(), new.strip()) in known:
            none += 1
            continue
        text = (source / file).read_text()
        bug = f"{file}:{i + 1} {new.strip()} {hashlib.sha256(text.encode()).hexdigest()}"
        if bug in found_before:
            done += 1
            print(f"{done:3}    0 s  {found_before[bug]} before: {file}:{i + 1}")
            continue
        (source / file).write_text("\n".join(new if k == i else x for k, x in enumerate(text.split("\n"))))
        begun, finder = time.time(), "nothing"
        if make(build, "libfrondtest.la") and digest(build) != original:
            done += 1
            finder = tests.finder(file, i)
            if finder:
                found_before[bug] = finder
                kept.write_text(json.dumps(found_before, indent=0))
            else:
                survivors.append((file, i, old, new))
            print(f"{done:3} {time.time() - begun:4.0f} s  {finder or 'NOT FOUND'}: {file}:{i + 1}\n"
                  f"         {old.strip()}\n         {new.strip()}", flush=True)
        (source / file).write_text(text)
    print(f"\n{done - len(survivors)} of {done} bugs were found (seed {seed}), in {time.time() - start:.0f} s; "
          f"{none} that tests/mutation.txt explains were left out")
    for file, i, old, new in survivors:
        print(f"\n{file}:{i + 1}\n{old.strip()}\n{new.strip()}")
    sys.exit(done - len(survivors) < WANTED * done)


main()
