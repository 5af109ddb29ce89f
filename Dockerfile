# The image of the service. The binary has everything it needs at run time.
#
# Pin both base images by digest for builds that can be repeated: --build-arg RUNTIME_IMAGE=…@sha256:…
ARG BUILDER_IMAGE=rust:1.95-slim-bookworm
# glibc of the same release and CA certificates, but no shell and no package manager.
ARG RUNTIME_IMAGE=gcr.io/distroless/cc-debian12:nonroot

FROM ${BUILDER_IMAGE} AS chef
ARG CARGO_CHEF_VERSION=0.1.78
RUN cargo install --locked --version ${CARGO_CHEF_VERSION} cargo-chef
WORKDIR /build

# The list of dependencies. Changes with Cargo.toml and Cargo.lock only.
FROM chef AS planner
COPY . .
RUN cargo chef prepare --recipe-path recipe.json

FROM chef AS builder
COPY --from=planner /build/recipe.json .
# This layer stays cached until the dependencies change.
RUN cargo chef cook --release --locked --recipe-path recipe.json
COPY . .
RUN cargo build --release --locked \
    && mkdir -p /out/data \
    && cp target/release/keel /out/

# No RUN from here on, so that the runtime image needs no shell.
FROM ${RUNTIME_IMAGE}
COPY --from=builder /out/keel /usr/local/bin/keel
WORKDIR /app
# SQLite files and mails. A new volume takes over the owner.
COPY --from=builder --chown=10001:10001 /out/data data
VOLUME /app/data
USER 10001:10001
# Refuses placeholders: needs SECRET_KEY, APP__SERVER__ALLOWED_HOSTS, SMTP_URL, APP__MAIL__FROM and FRONTEND_URL.
ENV APP_ENV=production
ENV HOST=0.0.0.0
EXPOSE 8000
# `healthcheck` has a timeout of 5 seconds itself.
HEALTHCHECK --interval=10s --timeout=6s --start-period=15s --retries=3 CMD ["keel", "healthcheck"]
# --build-arg VERSION=1.2.3 --build-arg REVISION="$(git rev-parse HEAD)" --build-arg CREATED="$(date -u +%FT%TZ)"
ARG VERSION=0.1.0
ARG REVISION=""
ARG CREATED=""
LABEL org.opencontainers.image.title="keel" \
      org.opencontainers.image.description="A production microservice" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"
ENTRYPOINT ["keel"]
