#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright The frond authors
"""Counts which lines and branches of lib and tools the tests run, and prints a table by folder.

    coverage.py FOLDER [MAKE-ARGUMENT...]

Builds in FOLDER/build with gcc and --enable-coverage, and runs `make check` there with the arguments; one is for
example TESTS=tests/check_core. FOLDER/holes.txt then lists what never ran, FOLDER/reached.json the lines that each
test runs. Fails if a test fails, or if a folder has fewer lines or branches covered than wanted.

A kernel is compiled several times, for each type and kind of CPU, and a header in each file that includes it: a line
counts as run if it ran in one of these instances, and so does each way of a branch. Instances of a line that have
different numbers of branches count separately, unless they never run. Ways that only exceptions take are left out."""

import collections
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent
WANTED_LINES, WANTED_BRANCHES = 95.0, 85.0
COUNTED = re.compile(r"(lib|tools)/.*\.[ch]$")


def build_in(build):
    build.mkdir(parents=True, exist_ok=True)
    if not (build / "Makefile").exists():
        subprocess.run([TOP / "configure", "-q", "--disable-shared", "--enable-coverage"], cwd=build, check=True)
    jobs = f"-j{os.cpu_count()}"
    subprocess.run(["make", "-s", jobs, "all"], cwd=build, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["make", "-s", jobs, "check", "TESTS="], cwd=build, check=True, stdout=subprocess.DEVNULL)


def run_tests(build, counts, arguments):
    """Runs the tests, each of which leaves its counts in a folder of its own. Returns whether all passed."""
    shutil.rmtree(counts, ignore_errors=True)
    if not any(a.startswith("TESTS=") for a in arguments):
        arguments = [*arguments, "TESTS=$(run_checks)"]
    strip = len(build.parts) - 1
    return subprocess.run(["make", "-s", "-k", f"-j{os.cpu_count()}", "check", *arguments,
                           f"TESTS_ENVIRONMENT=GCOV_PREFIX='{counts}'/$$b GCOV_PREFIX_STRIP={strip}"], cwd=build,
                          check=False).returncode == 0


def counts_of(build, counts, folder):
    """Yields (file, line, count, branches) for each instance of each line, as gcov counts it in this folder."""
    files = []
    for path in folder.rglob("*.gcda"):
        notes = path.with_suffix(".gcno")
        notes.unlink(missing_ok=True)
        notes.symlink_to(build / notes.relative_to(folder))
        files.append(str(path))
    if not files:
        return
    text = subprocess.run(["gcov", "--json-format", "--branch-probabilities", "--stdout", *files], cwd=counts,
                          capture_output=True, text=True, check=True).stdout
    for document in text.splitlines():
        parsed = json.loads(document) if document else {"files": []}
        for file in parsed["files"]:
            name = os.path.relpath(os.path.join(parsed["current_working_directory"], file["file"]), TOP)
            if COUNTED.match(name):
                for line in file["lines"]:
                    yield name, line["line_number"], line["count"], [
                        b["count"] > 0 for b in line["branches"] if not b["throw"]]


def read_test(build, counts, folder):
    """Returns the lines of a test's instances, merged: {(file, line): (ran, {ways: [taken, ...]})}."""
    lines = {}
    for name, line, count, taken in counts_of(build, counts, folder):
        merge(lines, (name, line), count > 0, {len(taken): taken})
    return lines


def merge(lines, key, ran, branches):
    before, known = lines.get(key, (False, {}))
    for n, taken in branches.items():
        if n:
            known[n] = [a or b for a, b in zip(known.get(n, [False] * n), taken)]
    lines[key] = (before or ran, known)


def branches_of(ran, known):
    """Returns the ways of the line's branches, without instances that never ran where another did."""
    groups = [taken for taken in known.values() if any(taken)] if ran else []
    return [way for taken in groups or list(known.values())[:1] for way in taken]


def folder_of(name):
    parts = name.split("/")
    return "/".join(parts[:2]) if parts[0] == "lib" else "tools/frond"


def write_holes(lines, file):
    sources = {}
    for (name, line), (ran, known) in sorted(lines.items()):
        ways = branches_of(ran, known)
        if ran and all(ways):
            continue
        text = sources.setdefault(name, (TOP / name).read_text().split("\n"))[line - 1].strip()
        why = f"{ways.count(False)} of {len(ways)} ways" if ran else "not run"
        print(f"{name}:{line}: {why}: {text}", file=file)


def table(lines):
    """Prints the table. Returns whether each folder has what is wanted."""
    sums, enough = collections.defaultdict(lambda: [0, 0, 0, 0]), True
    for (name, _), (ran, known) in lines.items():
        ways = branches_of(ran, known)
        for row in folder_of(name), "all":
            for i, n in enumerate((ran, 1, sum(ways), len(ways))):
                sums[row][i] += n
    print("| folder | lines | run | branches | taken |\n|---|---:|---:|---:|---:|")
    for row in sorted(sums, key=lambda r: (r == "all", r)):
        ran, n, taken, ways = sums[row]
        percent = 100 * ran / n, 100 * taken / max(ways, 1)
        print(f"| {row} | {n} | {percent[0]:.1f} % | {ways} | {percent[1]:.1f} % |")
        enough = enough and percent[0] >= WANTED_LINES and percent[1] >= WANTED_BRANCHES
    return enough


def main():
    folder = pathlib.Path(sys.argv[1]).resolve()
    build, counts = folder / "build", folder / "counts"
    build_in(build)
    build = build.resolve()  # as gcov knows it
    passed = run_tests(build, counts, sys.argv[2:])
    lines, reached = {}, {}
    with concurrent.futures.ProcessPoolExecutor() as pool:
        tests = sorted((counts / "tests").iterdir())
        for test, found in zip(tests, pool.map(read_test, *zip(*[(build, counts, t) for t in tests]))):
            of_test = reached.setdefault(test.name, {})
            for (name, line), (ran, known) in found.items():
                merge(lines, (name, line), ran, known)
                if ran:
                    of_test.setdefault(name, []).append(line)
    (folder / "reached.json").write_text(json.dumps(reached))
    with open(folder / "holes.txt", "w", encoding="utf-8") as file:
        write_holes(lines, file)
    enough = table(lines)
    sys.exit(not (passed and enough))


if __name__ == "__main__":
    main()
