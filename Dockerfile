# syntax=docker/dockerfile:1

# Both stages start from the same image, or the environment would not fit the interpreter.
FROM python:3.11-slim AS build

RUN python -m venv /venv
COPY requirements.txt .
RUN --mount=type=cache,target=/root/.cache/pip \
    /venv/bin/pip install --disable-pip-version-check --require-hashes -r requirements.txt

FROM python:3.11-slim

RUN groupadd --gid 10001 shop \
    && useradd --uid 10001 --gid shop --no-create-home --home-dir /app --shell /usr/sbin/nologin shop \
    && install --directory --owner=shop --group=shop --mode=0700 /app/data

WORKDIR /app
COPY --from=build /venv /venv
COPY pyproject.toml ./
COPY migrations ./migrations
COPY bot ./bot
# Compiled here, because the file system is read-only where the bot runs.
RUN /venv/bin/python -m compileall -q bot migrations

ENV PATH=/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1

USER 10001:10001
VOLUME /app/data
STOPSIGNAL SIGTERM

# The bot touches this file while its loops turn; importing aiogram to ask would cost seconds.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, time; assert time.time() - os.path.getmtime('/app/data/heartbeat') < 60"]

CMD ["python", "-m", "bot", "run"]
