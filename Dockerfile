# One image for every process: the command chooses the service and whether it answers requests or works.
#   docker build -t ez-solutions .                          production
#   docker build -t ez-solutions:development --target development .   with the sandboxes

# Styles, scripts, icons and fonts of the web pages
FROM node:24-bookworm-slim AS assets
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
RUN npm ci --no-audit --no-fund
COPY gateway/web gateway/web
RUN npm run build

# The Python environment, every file checked against its hash
FROM python:3.11-slim-bookworm AS environment
WORKDIR /src
COPY requirements/bootstrap.txt requirements/production.txt requirements/
RUN python -m venv /opt/uv \
    && /opt/uv/bin/pip install --no-cache-dir --require-hashes -r requirements/bootstrap.txt \
    && python -m venv --without-pip /opt/ez \
    && /opt/uv/bin/uv pip sync --no-cache --compile-bytecode --require-hashes --python /opt/ez/bin/python \
        requirements/production.txt

FROM environment AS development-environment
COPY requirements/embedded.txt requirements/
RUN /opt/uv/bin/uv pip sync --no-cache --compile-bytecode --require-hashes --python /opt/ez/bin/python \
    requirements/embedded.txt

# What every process runs on. Writes nothing: the root file system may be read-only (/tmp is the only scratch space).
FROM python:3.11-slim-bookworm AS runtime
ENV PATH=/opt/ez/bin:$PATH \
    PYTHONPATH=/app \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
RUN groupadd --gid 10001 ez \
    && useradd --uid 10001 --gid ez --no-create-home --home-dir /tmp --shell /usr/sbin/nologin ez
WORKDIR /app
COPY ez ez
COPY services services
COPY gateway gateway
COPY shared shared
COPY --from=assets /src/gateway/web/static gateway/web/static
RUN python -m compileall -q .
USER 10001:10001
EXPOSE 8000
# No HEALTHCHECK: orchestrators ask /health/live and /health/ready themselves, and one-off commands have neither.
ENTRYPOINT ["python", "-m", "ez"]
CMD ["--help"]

FROM runtime AS development
COPY --from=development-environment /opt/ez /opt/ez
COPY sandbox sandbox

# The default target: neither sandboxes nor tests
FROM runtime AS production
COPY --from=environment /opt/ez /opt/ez
