#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright The frond authors
"""Makes doc/parity.md from doc/parity.txt and from the results of the tests, which it runs.

    parity.py BUILD

Fails if a name is in no header, if an op or a test program does not exist, if doc/parity.txt does not name an op of the
table, or if a test fails."""

import os
import pathlib
import re
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent
HEAD = """\
# Beside PyTorch

Made by tools/parity.py of doc/parity.txt and the results of the tests; nothing here is edited by hand. Cases of an op:
held against PyTorch's values and gradients in float32 and float64 / against finite differences to the second derivative
/ in forward mode against reverse mode. Of a test program: its checks. All pass, else this page is not made."""
INTERNAL = {"avg_unpool", "conv_by_x", "conv_by_weight", "unslice"}  # used in backward of other ops


def run(build, program, *arguments):
    environment = dict(os.environ, CK_VERBOSITY="verbose", FROND_TESTS=str(TOP / "tests"))
    return subprocess.run([f"{build}/tests/{program}", *arguments], capture_output=True, text=True, check=False,
                          cwd=build, env=environment).stdout


def results(text):
    """Returns, for each test function, the loop indices that passed and those that failed."""
    found = {}
    for line in text.splitlines():
        m = re.match(r".*:(P|F|E):[^:]*:(\w+):(\d+):", line)
        if m:
            found.setdefault(m[2], ([], []))[m[1] != "P"].append(int(m[3]))
    return found


def count_ops(build):
    """Returns, for each op, how many cases are compared with PyTorch, with finite differences and in forward mode."""
    counts, golden, smooth = {}, [], []
    for line in run(build, "check_ops", "--cases").splitlines():
        op, _, _, torch, flags = (line.split("\t") + [""])[:5]
        counts.setdefault(op, [0, 0, 0])
        if torch:
            golden.append(op)
            if not flags:
                smooth.append(op)
    found = results(run(build, "check_ops"))
    for column, test, cases in (0, "golden_values", golden), (1, "derivatives", smooth), (2, "forward_mode", smooth):
        passed, failed = found[test]
        if failed or len(passed) != len(cases):
            sys.exit(f"check_ops: {test}: {len(passed)} of {len(cases)} cases pass")
        for i in passed:
            counts[cases[i]][column] += 1
    return counts


def count_checks(build, program, known):
    if program not in known:
        found = results(run(build, program)).values()
        passed, failed = (sum(len(r[i]) for r in found) for i in (0, 1))
        if failed or not passed:
            sys.exit(f"{program}: {failed} checks fail, {passed} pass")
        known[program] = passed
    return known[program]


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    headers = "".join(p.read_text() for p in (TOP / "include").rglob("*.h"))
    ops, programs, named = count_ops(build), {}, set(INTERNAL)
    out = HEAD.splitlines()
    for line in (TOP / "doc/parity.txt").read_text().splitlines()[6:]:
        if line.startswith("#"):
            out += ["", "#" + line, "", "| PyTorch | frond | tested | what differs |", "|---|---|---|---|"]
            continue
        torch, ours, tested, differs = (part.strip() for part in line.split("|"))
        for name in re.findall(r"\bfr_\w+|\bFR_\w+", ours):
            if not re.search(rf"\b{name}\b", headers):
                sys.exit(f"doc/parity.txt: {name} is in no header")
        notes = []
        for test in re.split(r",\s*", tested):
            if test in ops:
                named.add(test)
                notes.append(f"{test} " + "/".join(map(str, ops[test])))
            elif test.startswith("check_"):
                notes.append(f"{test} {count_checks(build, test, programs)}")
            else:
                sys.exit(f"doc/parity.txt: {test} is neither an op nor a test program")
        out.append(f"| {torch} | {ours} | {', '.join(notes)} | {differs} |")
    missing = {op for op in ops if op not in named and not op.endswith("_scalar")}
    if missing:
        sys.exit(f"doc/parity.txt: nothing is said of {', '.join(sorted(missing))}")
    (TOP / "doc/parity.md").write_text("\n".join(out) + "\n")


if __name__ == "__main__":
    main()
