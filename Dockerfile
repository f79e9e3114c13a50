# One image for every way to run: without arguments the whole system, with --target=… a part of it.

FROM node:24-slim AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# The optional packages bring a Node of their own; this image has one.
RUN npm ci --omit=dev --omit=optional

FROM node:24-slim
LABEL org.opencontainers.image.title="auto-session" \
      org.opencontainers.image.description="The system of record for who controls a customer conversation, shared by bots and human agents" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="0.1.0"
ENV NODE_ENV=production \
    AUTOSESSION_HOST=0.0.0.0 \
    AUTOSESSION_DATA_DIR=/data
WORKDIR /app
RUN mkdir /data && chown node:node /data
COPY --from=packages /app/node_modules node_modules
COPY package.json LICENSE ./
COPY gen gen
COPY docs docs
COPY services services
COPY scripts/check-invariants scripts/check-invariants
COPY cli cli
USER node
# The embedded database; on servers nothing is kept here.
VOLUME /data
EXPOSE 8000 50051
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=4s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.AUTOSESSION_HTTP_PORT || 8000}/readyz`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "services/main.ts"]
