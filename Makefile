# Every target does its own set-up on a fresh machine (Python 3.11+, Java 17+ and Maven present) and is quick when that is done.
.PHONY: demo up down test bench format check lock install
RUN := .venv/bin

install:; @scripts/install
demo: install; @$(RUN)/python -m examples.digits
up: install; @$(RUN)/kafka-ml up --detach
down: install; @$(RUN)/kafka-ml down
test: install; @scripts/test
bench: install; @$(RUN)/python -m benchmarks $(ARGS)
format: install; @$(RUN)/ruff format . && $(RUN)/ruff check --fix .
check: install; @scripts/check
lock: install; @scripts/lock
