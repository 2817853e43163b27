#!/usr/bin/env python3
"""Fails when a page shows another output than a command's, apart from numbers: shown.py PAGE CASE < OUTPUT. The block follows `<!-- run: CASE`."""
import re
import sys

page, case = sys.argv[1:]


def normal(line):
    return re.sub(r"[0-9]+", "N", line.rstrip())


shown = re.search(rf"<!-- run: {case}\b[^\n]* -->\n```text\n(.*?)\n```", open(page).read(), re.S)[1].splitlines()
# A line `…` stands for any lines. What compose says of its own containers comes before and after.
pattern = "".join("(?:.*\n)*?" if line.strip() == "…" else re.escape(normal(line)) + "\n" for line in shown)
output = "\n".join(normal(line) for line in sys.stdin) + "\n"
if not re.search("^" + pattern, output, re.M):
    sys.exit(f"{page} does not show what the command prints:\n{output}")
