# Every target does its own set-up on a fresh machine (Python 3.11+, Node 20.19+, Java 17+ and Maven present) and is quick when that is done.
.PHONY: demo up down test docs docs-test notebooks soak test-postgresql cluster-test cluster-up cluster-down cluster-e2e bench screenshots openapi format check lock install
RUN := .venv/bin
# Containers often set PYTHONDONTWRITEBYTECODE. Each start would then compile all that it imports, and take three times as
# long.
unexport PYTHONDONTWRITEBYTECODE

install:; @scripts/install
demo: install; @scripts/build-docs --background; $(RUN)/python -m examples.demo
up: install; @scripts/build-docs --background; $(RUN)/kafka-ml up --detach
down: install; @$(RUN)/kafka-ml down
test: install; @scripts/test
# The tests with the marker `soak`, in full: all the kills and writes that docs/figures.md reports, every systematic request
# to the API, ten million records of random bytes. Takes hours, and writes docs/figures.md.
soak: install; @scripts/soak $(ARGS)
# The backend's tests on PostgreSQL, which must be installed, instead of SQLite.
test-postgresql: install; @scripts/test-postgresql
# A control plane of Kubernetes, built once from Go modules (minutes), or the cluster that KUBECONFIG names: KML_TEST_CLUSTER=existing.
cluster-test: install; @scripts/test --cluster
# A whole cluster on this machine: nodes with kubelets and containers. Needs root.
cluster-up: install; @scripts/cluster/up $${CLUSTER_STATE:-build/cluster} $${NODES:-2}
cluster-down:; @scripts/cluster/down $${CLUSTER_STATE:-build/cluster}
# Everything that a user does with a cluster, on one of two nodes on this machine: built, installed, used, broken, removed.
cluster-e2e: install; @scripts/cluster-e2e $(ARGS)
# The documentation, served by the platform under /docs/; `make up` and `make demo` build it too, in the background.
docs: install; @scripts/build-docs
# The notebooks of the examples and of the seminar, in the browser.
notebooks: install; @scripts/notebooks
# Runs the commands of the pages, and opens the site in a browser. Takes minutes.
docs-test: docs; @scripts/install-chromium && $(RUN)/pytest -n 0 -m docs tests/docs tests/integration/test_platform_examples.py $(ARGS)
# Measures the figures of docs/figures.md, next to a reference and a lower bound. ARGS=--check fails where a figure is worse
# than on that page, ARGS=--write writes the page.
bench: install; @$(RUN)/python -m benchmarks $(ARGS)
screenshots: install; @scripts/install-chromium && $(RUN)/python -m tests.browser.screenshots
openapi: install; @KML_STATE_DIR=$$(mktemp -d) $(RUN)/python -m backend.manage spectacular --format openapi-json --file frontend/openapi.json
format: install; @$(RUN)/ruff format . && $(RUN)/ruff check --fix . && npm --prefix frontend run --silent format
check: install; @scripts/check
lock: install; @scripts/lock
