# Two images: `api` speaks HTTP and holds no torch, `worker` trains.
#
#   docker build --target api -t unitscale-api .
#   docker build --target worker -t unitscale-worker .
#
# A pip configuration of your own (an index, its password) is lent to the build and not kept in the image:
#   docker build --secret id=pip_conf,src=pip.conf ...

FROM python:3.11-slim-bookworm AS base
ENV PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    VIRTUAL_ENV=/opt/venv \
    PATH=/opt/venv/bin:$PATH \
    HOME=/tmp \
    UNITSCALE_DATA_DIR=/var/lib/unitscale
RUN python -m venv /opt/venv \
    && useradd --system --uid 10001 --user-group --no-create-home unitscale \
    && install --directory --owner unitscale --group unitscale --mode 0700 /var/lib/unitscale
WORKDIR /srv/unitscale
COPY pyproject.toml constraints.txt README.md ./
COPY unitscale/__init__.py unitscale/__init__.py
VOLUME /var/lib/unitscale

FROM base AS api
RUN --mount=type=secret,id=pip_conf,target=/etc/pip.conf \
    pip install -c constraints.txt -e '.[app]'
COPY unitscale unitscale
COPY app app
RUN python -m compileall -q unitscale app
USER 10001
ENV UNITSCALE_HOST=0.0.0.0 \
    UNITSCALE_PORT=8000
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --start-interval=1s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
CMD ["python", "-m", "app.main"]

FROM base AS worker
RUN --mount=type=secret,id=pip_conf,target=/etc/pip.conf \
    pip install -c constraints.txt -e '.[worker]'
COPY unitscale unitscale
COPY worker worker
RUN python -m compileall -q unitscale worker
RUN --mount=type=secret,id=pip_conf,target=/etc/pip.conf \
    apt-get update -qq \
    && UNITSCALE_DATA_DIR=/opt/unitscale python -m worker.prefetch \
    && rm -rf /var/lib/apt/lists/*
ENV UNITSCALE_LIBRARY_DIR=/opt/unitscale/cache
USER 10001
HEALTHCHECK --interval=20s --timeout=10s --start-period=60s --start-interval=2s \
    CMD ["python", "-m", "worker.health"]
CMD ["python", "-m", "worker.node"]
