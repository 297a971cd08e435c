# SPDX-License-Identifier: MIT
# Copyright The frond authors
"""Draws the output of the bench programs and of compare.py with gnuplot, as .svg or .png."""
import shutil
import subprocess
import sys


def check_gnuplot():
    if not shutil.which("gnuplot"):
        sys.exit("a plot needs gnuplot, which is not installed")


def draw(commands, path, width=720, height=400):
    check_gnuplot()
    terminal = "pngcairo" if path.endswith(".png") else "svg background 'white'"
    script = f"set terminal {terminal} size {width},{height} font 'sans,11'\nset output '{path}'\n{commands}"
    subprocess.run(["gnuplot"], input=script, text=True, check=True)


def block(name, rows):
    """Returns a gnuplot data block: rows of values, with quoted texts."""
    lines = [" ".join(f'"{v}"' if isinstance(v, str) else str(v) for v in row) for row in rows]
    return f"${name} << EOD\n" + "\n".join(lines) + "\nEOD\n"


def plot_ratios(rows, path):
    """Draws bars that show how many times as fast as its peers frond is, from rows of compare.py."""
    works = list(dict.fromkeys(row["work"] for row in rows))
    peers = list(dict.fromkeys(row["peer"] for row in rows))
    ratio = {(row["work"], row["peer"]): row["ratio"] for row in rows}
    table = [[work, *(ratio.get((work, peer), "NaN") for peer in peers)] for work in works]
    bars = ", ".join(f"$rows using {i + 2}:xtic(1) title '{peer}'" for i, peer in enumerate(peers))
    draw(block("rows", [[row[0], *map(float, row[1:])] for row in table]) +
         "set style data histogram\nset style fill solid\nset logscale y\nset grid y\nset xtics rotate by 45 right\n"
         "set ylabel 'times as fast'\nset key outside top center horizontal\nset yrange [0.5:*]\n"
         f"plot 1 linecolor 'black' notitle, {bars}\n", path, width=max(480, 40 * len(works) + 160))


def plot_lines(series, path, x_label, y_label):
    """Draws lines over logarithmic axes; series holds points (x, y) by name."""
    data = "".join(block(f"line{i}", points) for i, points in enumerate(series.values()))
    lines = ", ".join(f"$line{i} with linespoints title '{name}'" for i, name in enumerate(series))
    draw(f"{data}set logscale xy\nset grid\nset key left top\nset xlabel '{x_label}'\nset ylabel '{y_label}'\n"
         f"plot {lines}\n", path, width=480, height=320)
