# The web page and HTTP API of `cosod serve`:
#   docker build -t cosod .
#   docker run --rm -p 127.0.0.1:8000:8000 cosod
# Another index of torch, for example one with CUDA, is given by --build-arg TORCH_INDEX=...
FROM python:3.11-slim AS build

ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
RUN python -m venv /opt/cosod
ENV PATH=/opt/cosod/bin:$PATH

WORKDIR /source
COPY constraints.txt ./
RUN pip install --no-cache-dir --index-url "$TORCH_INDEX" --no-deps -c constraints.txt torch
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN pip install --no-cache-dir -c constraints.txt '.[serve]'

FROM python:3.11-slim

COPY --from=build /opt/cosod /opt/cosod
ENV PATH=/opt/cosod/bin:$PATH PYTHONUNBUFFERED=1

# Nothing but the temporary folder is written to, so that the container also runs with --read-only --tmpfs /tmp.
RUN useradd --system --no-create-home --shell /usr/sbin/nologin cosod
USER cosod
WORKDIR /tmp
EXPOSE 8000

HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/api/limits', timeout=4)"]

# Docker publishes ports of the container's own address only, hence 0.0.0.0; `docker run -p` decides who reaches it.
ENTRYPOINT ["cosod", "serve", "--host", "0.0.0.0", "--port", "8000"]
