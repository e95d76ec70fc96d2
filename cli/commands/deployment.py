"""flinkctl deployment: its verbs are those of cli.groups."""

from __future__ import annotations

from cli import groups, nouns

command = groups.group(nouns.DEPLOYMENT)
