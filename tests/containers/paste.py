#!/usr/bin/env python3
"""Prints a compose file with what a page says to paste into it: paste.py PAGE CASE FILE. The page's YAML follows `<!-- run: CASE -->`."""
import re
import sys

import yaml

page, case, file = sys.argv[1:]
lines = yaml.safe_load(re.search(rf"<!-- run: {case} -->\n```yaml\n(.*?)```", open(page).read(), re.S)[1])
result = yaml.safe_load(open(file))
for name, service in lines["services"].items():
    existing = result["services"].setdefault(name, {})
    service["depends_on"] = {**existing.get("depends_on", {}), **service["depends_on"]}
    existing.update(service)
result.setdefault("volumes", {}).update(lines.get("volumes") or {})
print(yaml.safe_dump(result, width=1000))
