# One image for all four programs: hooks, supervisor, bootstrap, flinkctl.
ARG PYTHON_IMAGE=python:3.13-slim

FROM ${PYTHON_IMAGE} AS build
WORKDIR /src
RUN python3 -m venv /opt/flinkctl
COPY setup.cfg pyproject.toml README.md ./
COPY core core
COPY clients clients
COPY hooks hooks
COPY supervisor supervisor
COPY cli cli
COPY local local
COPY crds crds
COPY metacontroller metacontroller
COPY examples examples
# Compiled here: the root file system is read-only where it runs.
RUN /opt/flinkctl/bin/pip install --no-cache-dir --disable-pip-version-check . \
    && /opt/flinkctl/bin/python -m compileall -q /opt/flinkctl/lib \
    && mkdir /opt/flinkctl/examples && cp examples/wordcount/wordcount.jar /opt/flinkctl/examples/

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="flink-metacontroller" \
      org.opencontainers.image.description="Apache Flink on Kubernetes, driven by Metacontroller"
COPY --from=build /opt/flinkctl /opt/flinkctl
ENV PATH=/opt/flinkctl/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 65532:65532
WORKDIR /tmp
ENTRYPOINT ["/opt/flinkctl/bin/flinkctl"]
