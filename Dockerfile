# Parley in one image, for Docker, BuildKit, Podman and Buildah:
#   docker build -t parley .
#   docker run -p 8080:8080 -v parley-models:/models parley
#
# CPU alone unless GPU says otherwise. A GPU's libraries come with the base, its driver with the host:
#   docker build -t parley:cuda --build-arg GPU=cuda --build-arg BASE_IMAGE=IMAGE_WITH_CUDA_13 .      (libcudart, libcublas: nvidia/cuda, runtime)
#   docker build -t parley:vulkan --build-arg GPU=vulkan --build-arg BASE_IMAGE=IMAGE_WITH_VULKAN .   (libvulkan, and the driver's part of it)

# Builds; nothing of it stays. Needs a shell, Node 24 and npm.
ARG BUILD_IMAGE=docker.io/library/node:24-bookworm-slim
# Runs; needs glibc, libstdc++ and the certificates of authorities, and no shell.
ARG BASE_IMAGE=gcr.io/distroless/cc-debian12:latest

FROM ${BUILD_IMAGE} AS build
# none, cuda, vulkan or all
ARG GPU=none
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
COPY src/deploy/image/lean.ts src/deploy/image/
# The Node that the tests run on, whatever the build's own is.
RUN npm install --prefix /runtime --no-save --ignore-scripts --no-progress \
      "node-linux-$(node -p process.arch)@$(node -p 'require("./package.json").devDependencies.node')" && \
    node src/deploy/image/lean.ts "${GPU}" && \
    npm ci --omit=dev --ignore-scripts --no-progress
COPY . .
RUN node src/deploy/image/assemble.ts /runtime /image

FROM ${BASE_IMAGE}
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG CREATED=unknown
LABEL org.opencontainers.image.title="parley" \
      org.opencontainers.image.description="LLM inference over one typed contract: gRPC, gRPC-Web, Connect and REST" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"
COPY --from=build /image/ /
COPY --from=build --chown=65532:65532 /models /models

# Inference is open to whoever reaches the port, as with the images of older services; what changes the service stays shut.
# `-e LLM_OPEN=false` with LLM_API_KEYS or LLM_API_KEYS_FILE asks for keys. The port for probes has the name that is beaten by both of its names.
# Clients of an older service bring the upstream's key with each call (openai_api_key), so it is taken; `-e LLM_CLIENT_KEYS=false` refuses it.
# The further ports are those that the run lines of older services map.
ENV LLM_HOST=0.0.0.0 \
    LLM_OPEN=true \
    LLM_CLIENT_KEYS=true \
    LLM_METRICS_PORT=9090 \
    LLM_MORE_PORTS=8000,8001,8081 \
    LLM_MODELS_DIR=/models \
    LLM_DATA_DIR=/models/.parley
EXPOSE 8080 9090
VOLUME ["/models"]
WORKDIR /opt/parley
USER 65532:65532
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=5m --retries=3 CMD ["/usr/local/bin/parley", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/parley"]
CMD ["serve"]
