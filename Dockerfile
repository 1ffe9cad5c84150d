# The project with the exact versions of requirements.lock. Rasters and results are mounted:
#   docker build -t project . && docker run --rm -v "$PWD/data:/project/data" project kedro run --pipelines sample_data
FROM python:3.12-slim-bookworm

SHELL ["/bin/bash", "-o", "pipefail", "-c"]
# git and make for DVC and the Makefile; g++ for `compile: true`.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git make g++ libexpat1 \
    && rm -rf /var/lib/apt/lists/*

RUN useradd --create-home --uid 1000 user && mkdir /project && chown user /project
# A number, as a cluster can check that it is not root.
USER 1000
WORKDIR /project
ENV DO_NOT_TRACK=1 PYTHONUNBUFFERED=1 PATH=/project/.venv/bin:$PATH

# Dependencies first: they change less often than code.
COPY --chown=1000 requirements.lock pyproject.toml README.md Makefile ./
RUN python -m venv .venv \
    && .venv/bin/pip install --no-cache-dir --disable-pip-version-check "$(sed -n 's/^UV := //p' Makefile)" \
    && uv pip install --no-cache --python .venv/bin/python --compile-bytecode --require-hashes -r requirements.lock

COPY --chown=1000 . .
RUN uv pip install --python .venv/bin/python --no-deps --no-build-isolation -e . && touch .venv/.ready

CMD ["kedro", "run"]
