"""The floor of `bench.hooks`: Flask with an answer that costs nothing."""

import flask

app = flask.Flask("constant")


@app.post("/cluster/sync")
def constant() -> str:
    return "{}"
