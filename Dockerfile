# The image of Nightshift: the built program, its dependencies and its bill of materials, without a compiler or sources.
# It runs as a user without rights, on a read-only root; /data is its one volume, /tmp a tmpfs. docs/deploy.md has examples.
ARG NODE_IMAGE=node:22.21.1-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
# Native parts come inside the packages: no install script runs.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY . .
# dist/sbom.cdx.json is made with it, while everything is installed that became part of dist/.
RUN npm run build && npm prune --omit=dev --ignore-scripts --no-audit --no-fund

FROM ${NODE_IMAGE}
LABEL org.opencontainers.image.title="nightshift" \
      org.opencontainers.image.description="Retrains a recognition model every night and hot-swaps it into service" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN install -d -o 10001 -g 10001 -m 0750 /data
WORKDIR /app
COPY --from=build /src/package.json /src/LICENSE ./
COPY --from=build /src/node_modules ./node_modules
COPY --from=build /src/dist ./dist
COPY --from=build /src/docs/pipeline.json ./docs/pipeline.json
COPY --from=build /src/cli/nightshift.mjs ./cli/nightshift.mjs
COPY --from=build /src/dist/sbom.cdx.json /usr/share/sbom/nightshift.cdx.json
COPY --chmod=0755 deploy/docker/entrypoint.sh /usr/local/bin/nightshift
ENV NODE_ENV=production \
    NIGHTSHIFT_STORE=/data
# A number, so that a cluster can see that it is not root.
USER 10001:10001
VOLUME /data
STOPSIGNAL SIGTERM
# It asks no server: each process notes in TMPDIR whether it can work.
HEALTHCHECK --interval=15s --timeout=10s --start-period=60s --retries=3 CMD ["nightshift", "ready"]
ENTRYPOINT ["nightshift"]
CMD ["--help"]
