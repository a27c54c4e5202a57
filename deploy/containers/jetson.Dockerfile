# edge-agent for Jetsons, on NVIDIA's image with a torch built for them, which is kept. On the board:
#   docker build -f deploy/containers/jetson.Dockerfile -t joulecut-edge-jetson:0.1.0 .
#   docker run --runtime nvidia --network host -v /run/joulecut-clockd:/run/joulecut-clockd ... --config ...
# JetPack 6 on Orin as it stands; JetPack 7 on Thor: --build-arg BASE=nvcr.io/nvidia/pytorch:25.08-py3
# The daemon that sets clocks runs on the host, not in here.
ARG BASE=nvcr.io/nvidia/pytorch:24.12-py3-igpu

FROM ${BASE} AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE CHANGELOG.md ./
COPY core core
COPY planner planner
COPY proto proto
COPY runtime runtime
COPY edge edge
COPY server server
COPY api api
RUN python3 -m pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM ${BASE}
COPY --from=build /wheels /wheels
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
# One of the package index would not run on the board: pip fails rather than replace what is there.
# The wheel is the one version that there is.
# hadolint ignore=DL3013
RUN python3 -c 'import importlib.metadata as m; print("torch===" + m.version("torch"))' > /tmp/torch.txt \
    && python3 -m pip install --no-cache-dir --constraint /tmp/torch.txt \
        "$(echo /wheels/joulecut-*.whl)[agents,jetson,metrics,sign,traces]" \
    && rm -r /wheels /tmp/torch.txt
# The number is what the clock daemon's rules know.
RUN useradd --system --uid 10001 --user-group --home-dir /var/lib/joulecut joulecut \
    && install -d -o joulecut -g joulecut /var/lib/joulecut /var/lib/joulecut/bundles /run/joulecut
ENV OMP_NUM_THREADS=1
USER 10001:10001
WORKDIR /var/lib/joulecut
STOPSIGNAL SIGTERM
# Somebody listens there once it serves; the file alone outlives an agent that was killed.
HEALTHCHECK --interval=10s --timeout=5s --start-period=15m \
    CMD ["python3", "-c", "import socket; socket.socket(socket.AF_UNIX).connect('/run/joulecut/edge.sock')"]
ENTRYPOINT ["edge-agent"]
