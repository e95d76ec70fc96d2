"""flinkctl deployment: its verbs are those of cli.nouns."""

from __future__ import annotations

from cli import nouns

command = nouns.group(nouns.DEPLOYMENT)
