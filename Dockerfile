# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
#
# The worker and its example functions on Debian 13. Runs as a user without rights and with
# a root file system that is read-only; only the state folder must be writable.

FROM debian:trixie AS build
COPY . /src
WORKDIR /src
RUN ./dev setup --build-only && ./dev build release \
    && cmake --install build/release --prefix /usr --strip \
    && install -D -t /usr/lib/weir/examples build/release/examples/*.so

FROM debian:trixie-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates libfyaml0 libhiredis1.1.0 \
        libmicrohttpd12t64 libmsgpack-c2 librdkafka1 libssl3t64 libyyjson0 \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --system --gid 65532 weir \
    && useradd --system --uid 65532 --gid 65532 --home-dir /var/lib/weir --create-home weir
COPY --from=build /usr/bin/weir /usr/bin/weir
COPY --from=build /usr/lib/weir /usr/lib/weir
LABEL org.opencontainers.image.title="weir" \
      org.opencontainers.image.description="Runs functions on Kafka topics and Redis streams" \
      org.opencontainers.image.licenses="Apache-2.0"
USER 65532:65532
WORKDIR /var/lib/weir
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/bin/weir"]
CMD ["run", "-c", "/etc/weir/weir.yaml"]
