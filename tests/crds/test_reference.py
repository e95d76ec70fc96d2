"""docs/fields.md is what the definitions say now, and its links lead somewhere."""

import re

from crds import reference


def test_the_document_is_that_of_the_definitions():
    assert reference.TARGET.read_text("utf-8") == reference.text(), "run `make docs`"


def test_each_link_has_its_heading():
    text = reference.text()
    links = set(re.findall(r"\]\(#([^)]+)\)", text))
    headings = re.findall(r"^### (.+)$", text, re.MULTILINE)
    assert links <= {re.sub(r"[^a-z -]", "", title.lower()).replace(" ", "-") for title in headings}
    assert len(links) > 30
