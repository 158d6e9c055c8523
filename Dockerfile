# docker compose up --build            the way to run it: docker-compose.yml says with which limits, and why
# --build-arg BASE=...                 another base with Python 3.11 to 3.14
# --build-arg TORCH_BACKEND=cuda       for a machine with an NVIDIA GPU (gigabytes larger)
ARG BASE=python:3.11-slim-bookworm

# The packages change rarely and are large: this stage runs again only when requirements/ or the installer change.
FROM ${BASE} AS packages
ARG TORCH_BACKEND=cpu
# Compiled here, since the process that runs later may not write beside its code.
ENV PIP_NO_CACHE_DIR=1 UV_NO_CACHE=1 UV_COMPILE_BYTECODE=1
WORKDIR /assay
COPY scripts/install.sh scripts/
COPY requirements requirements/
RUN TORCH_BACKEND="${TORCH_BACKEND}" sh scripts/install.sh deps \
    && .venv/bin/python -m pip uninstall --quiet --yes --root-user-action=ignore uv

FROM ${BASE}
RUN useradd --system --uid 10001 --user-group --no-create-home --home-dir /data assay \
    && install --directory --owner=assay --group=assay --mode=0700 /data
WORKDIR /assay
COPY --from=packages /assay/.venv .venv/
COPY LICENSE README.md pyproject.toml ./
COPY retrieval retrieval/
COPY ingestion ingestion/
COPY generation generation/
COPY evals evals/
COPY app app/
# Editable: the weights and samples among the sources are not copied a second time.
RUN .venv/bin/python -m pip install --quiet --root-user-action=ignore --no-cache-dir --no-index --no-deps \
        --no-build-isolation --editable . \
    && .venv/bin/python -m compileall -q retrieval ingestion generation evals app

ENV ASSAY_HOME=/data PATH="/assay/.venv/bin:${PATH}" PYTHONUNBUFFERED=1
USER 10001
VOLUME /data
EXPOSE 8000
# The start period covers the first start, which ingests the sample documents.
HEALTHCHECK --interval=30s --timeout=5s --start-period=120s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
# Every address of the container, which is not every address of the machine: what reaches it is for the port mapping to say.
CMD ["assay", "serve", "--with-samples", "--host", "0.0.0.0", "--port", "8000"]
