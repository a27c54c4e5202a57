# server-agent, and joulecut-clockd, for NVIDIA GPUs of a server. Run with NVIDIA's container toolkit:
#   docker build -f deploy/containers/cuda.Dockerfile -t joulecut-server-cuda:0.1.0 .
#   docker run --gpus all -v /run/joulecut-clockd:/run/joulecut-clockd ... joulecut-server-cuda:0.1.0 --config ...
# torch brings the CUDA libraries that it was built with; the driver is the host's, mounted by the toolkit.
ARG BASE=python:3.12-slim

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

FROM ${BASE} AS environment
ARG TORCH=torch==2.13.0
# For a driver that is older than the default index's build: https://download.pytorch.org/whl/cu126, for one.
ARG TORCH_INDEX=
COPY --from=build /wheels /wheels
RUN python3 -m venv /opt/joulecut \
    && /opt/joulecut/bin/pip install --no-cache-dir ${TORCH_INDEX:+--index-url "${TORCH_INDEX}"} "${TORCH}"
# The wheel is the one version that there is.
# hadolint ignore=DL3013
RUN /opt/joulecut/bin/pip install --no-cache-dir "$(echo /wheels/joulecut-*.whl)[dashboard,demo,metrics,sign,traces]"

FROM ${BASE}
COPY --from=environment /opt/joulecut /opt/joulecut
# The number is what clusters and the clock daemon's rules know.
RUN useradd --system --uid 10001 --user-group --home-dir /var/lib/joulecut joulecut \
    && install -d -o joulecut -g joulecut /var/lib/joulecut /var/lib/joulecut/bundles
ENV PATH=/opt/joulecut/bin:$PATH \
    OMP_NUM_THREADS=1 \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
USER 10001:10001
WORKDIR /var/lib/joulecut
STOPSIGNAL SIGTERM
EXPOSE 50551 50552 9465
# `health_listen` of the configuration.
HEALTHCHECK --interval=10s --timeout=10s --start-period=15m \
    CMD ["python3", "-m", "joulecut_server.reporting.health_port", "127.0.0.1:50552"]
ENTRYPOINT ["server-agent"]
