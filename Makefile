# Everything a fresh machine needs is set up here; a second call finds it done.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check install --constraint constraints.txt
# A new environment brings a pip that is too old for groups, so ours fills it.
PIP_FOR := $(BIN)/python -m pip --disable-pip-version-check --python
# Where Python may not write bytecode by itself, each start would compile, and each lane the tests.
export PYTHONDONTWRITEBYTECODE :=
# Many tests wait for a socket or a timer, so that one more at a time than there are processors
# leaves none of them idle.
export PYTEST_XDIST_AUTO_NUM_WORKERS ?= $(shell $(PYTHON) -c 'import os; print((os.cpu_count() or 1) + 1)')
# As an installation does.
COMPILE := $(BIN)/python -m compileall -q asyncdl
READY := $(VENV)/.ready
READY_FOR_TESTS := $(VENV)/.ready-for-tests
READY_FOR_DOCS := $(VENV)/.ready-for-docs
# What changes behaviour where it is installed has environments of its own: $(VENV) is without
# all extras. On uvloop those that touch connections are there, too.
VENV_UVLOOP := .venv-uvloop
VENV_EXTRAS := .venv-extras
VENV_EXAMPLES := .venv-examples
VENV_AUDIT := .venv-audit
READY_FOR_EXTRAS := $(VENV_EXTRAS)/.ready
VENV_RELEASE := .venv-release
READY_FOR_RELEASE := $(VENV_RELEASE)/.ready
READY_FOR_EXAMPLES := $(VENV_EXAMPLES)/.ready
READY_FOR_UVLOOP := $(VENV_UVLOOP)/.ready
# stackstac needs an older pandas than the rest of the world, so this one has no constraints.
VENV_FORMATS := .venv-formats
READY_FOR_FORMATS := $(VENV_FORMATS)/.ready
VENV_READERS := .venv-readers
READY_FOR_READERS := $(VENV_READERS)/.ready
VENV_LINES := .venv-lines
READY_FOR_LINES := $(VENV_LINES)/.ready
VENV_BEYOND := .venv-beyond
READY_FOR_BEYOND := $(VENV_BEYOND)/.ready
AZURITE := .azurite
READY_FOR_AZURITE := $(AZURITE)/.ready
# What meets the loop: connections, TLS, timers, threads, signals and processes. Which files a job
# chooses, what a command prints and what the journal holds are the same on every loop, and so are
# tests that bring a loop of their own, whose clock jumps (tests/clock.py).
ON_UVLOOP := -m "not simulated" tests/test_*.py tests/transfer \
    tests/job/test_job.py tests/job/test_job_embedded.py tests/job/test_job_ends.py \
    tests/job/test_job_faults.py tests/job/test_job_loop.py tests/job/test_job_restart.py \
    tests/cli/test_live.py tests/cli/test_sandbox_command.py tests/cli/test_waiting.py \
    tests/e2e/test_embedded.py tests/e2e/test_get.py tests/e2e/test_get_interrupted.py \
    tests/e2e/test_kills.py tests/e2e/test_left_open.py tests/e2e/test_run.py \
    tests/e2e/test_starting.py tests/e2e/test_streams.py
# What the extras are for, and what meets the codings and look-ups that come with aiohttp's own.
ON_EXTRAS := tests/test_hasty_hosts.py tests/test_proxies.py tests/test_socks.py tests/test_trust.py \
    tests/library tests/examples/test_notebook.py tests/m2m tests/stac tests/cli/test_doctor.py tests/cli/test_login.py tests/job/test_job_stac.py \
    tests/beyond/test_local_cluster.py \
    tests/security/test_area_files.py tests/security/test_replies.py \
    tests/transfer/test_framing_rows.py tests/unit/test_areas.py \
    tests/unit/test_credentials.py tests/unit/test_items.py tests/unit/test_keyrings.py \
    tests/unit/test_lanes.py tests/unit/test_metrics_otel.py tests/unit/test_metrics_prometheus.py \
    tests/unit/test_vector_files.py tests/unit/test_progress_widget.py \
    tests/stores/test_object_store.py \
    tests/windows/test_exact_jobs.py tests/windows/test_fetched_with_gdal.py \
    tests/windows/test_tile_proof.py \
    tests/windows/test_with_gdal.py
PAGE := tests/docs/test_blocks.py::test_the_blocks_of_a_page_do_what_they_say
PAGES_ON_EXTRAS := $(foreach page,library lake howto/area howto/metrics howto/stac,"$(PAGE)[docs/$(page).md]")
# Areas are compared on the data files of packages, which are installed beside our environment.
GEOMETRY := .venv-geometry
READY_FOR_AREAS := $(GEOMETRY)/.ready
# Without what POSIX alone has, as on Windows: all of it, or what a minute is enough for.
WITHOUT_POSIX := $(BIN)/python -m pytest -q -p tests.portable.plugin
ON_WINDOWS := tests/transfer tests/job tests/m2m tests/cli tests/e2e tests/test_*.py
ON_WINDOWS_SLICE := tests/transfer/test_wire.py tests/transfer/test_disk_rows.py \
    tests/transfer/test_checkpoints.py tests/job/test_job.py tests/cli/test_encodings.py \
    tests/e2e/test_get_interrupted.py
# The suite on every Python that is found, in an environment of its own.
PYTHONS ?= 3.12 3.13 3.14
ON_PYTHONS ?= tests
FIND_PYTHON = found=$$(python$(1) -c 'import sys; print(sys.executable)' 2> /dev/null) \
    || found=$$(ls $$HOME/.pyenv/versions/$(1).*/bin/python 2> /dev/null | tail -n 1)
# The clients of others stay out of our environment, and out of each other's.
CLIENTS := .venv-clients
MINUTES ?= 10

LANES := suite uvloop extras portable-slice clients

.PHONY: demo test suite portable portable-slice pythons uvloop extras coverage browser socks terminal docs examples readers areas formats formats-slice clients beyond soak audit bench lines growth field figures release release-check clean

demo: $(READY)  # the notebook's Anchorage job, against the embedded service
	$(BIN)/python -m asyncdl run examples/anchorage.toml --sandbox

# One after the other, whatever -j says: each lane takes all processors.
test:  # all that decides about a change: every lane that fits a quarter of an hour
	@for lane in $(LANES); do $(MAKE) --no-print-directory $$lane || exit 1; done

suite: $(READY_FOR_TESTS)  # linters, types and tests
	$(COMPILE)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q --numprocesses auto --dist worksteal

portable: $(READY_FOR_TESTS)  # engine, jobs and commands without fcntl, pwrite, signal handlers and the like
	$(WITHOUT_POSIX) --numprocesses auto --dist worksteal $(ON_WINDOWS)

portable-slice: $(READY_FOR_TESTS)  # the same, a minute of it
	$(WITHOUT_POSIX) --numprocesses auto --dist worksteal $(ON_WINDOWS_SLICE)

pythons: $(READY_FOR_TESTS)  # the suite on other Pythons: make pythons PYTHONS=3.13 ON_PYTHONS=tests/unit
	@for version in $(PYTHONS); do \
	    $(call FIND_PYTHON,$$version); \
	    [ -n "$$found" ] || { echo "Python $$version is not here: left out"; continue; }; \
	    $(MAKE) --no-print-directory .venv-$$version/.ready \
	        && .venv-$$version/bin/python -m pytest -q --numprocesses auto --dist worksteal $(ON_PYTHONS) \
	        || failed="$$failed $$version"; \
	done; [ -z "$$failed" ] || { echo "Tests fail on Python$$failed"; exit 1; }

uvloop: $(READY_FOR_UVLOOP)  # what meets the loop, on uvloop and under python -O, plain and over TLS
	PYTHONOPTIMIZE=1 $(VENV_UVLOOP)/bin/python -m compileall -q asyncdl
	PYTHONOPTIMIZE=1 $(VENV_UVLOOP)/bin/python -m pytest -q --numprocesses auto --dist worksteal $(ON_UVLOOP)

extras: $(READY_FOR_EXTRAS) socks  # each extra and what comes with it, used; a test that lacks one fails
	$(VENV_EXTRAS)/bin/python -m pytest -q --numprocesses auto --dist worksteal --with-extras \
	    $(ON_EXTRAS) $(PAGES_ON_EXTRAS)

coverage: $(READY_FOR_TESTS)  # the tests with examples drawn anew, and which lines and branches they reach
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -q --numprocesses auto --dist worksteal --hypothesis-profile explore
	$(BIN)/coverage combine -q
	$(BIN)/coverage report

browser:  # for the tests of the HTML pages, which are skipped without one; takes minutes
	@command -v chromedriver > /dev/null || { apt-get update -qq && apt-get install -y -qq chromium chromium-driver; }

socks:  # a SOCKS proxy that nobody here wrote, for tests that are skipped without it
	@command -v microsocks > /dev/null || { apt-get update -qq && apt-get install -y -qq microsocks; }

terminal:  # tmux, for a test of the live display that is skipped without it
	@command -v tmux > /dev/null || { apt-get update -qq && apt-get install -y -qq tmux; }

docs: $(READY_FOR_DOCS)  # the pages as a site in site/, with warnings as errors, and their tests
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict
	$(BIN)/python -m pytest -q tests/docs

examples: $(READY_FOR_EXAMPLES)  # what examples/ needs, and every example tried
	$(VENV_EXAMPLES)/bin/python -m pytest -q tests/examples

readers: $(READY_FOR_READERS)  # what reads STAC items, and what makes others of the same metadata
	$(VENV_READERS)/bin/python -m pytest -q -rP --disable-warnings tests/job/test_stac_readers.py

areas: $(READY_FOR_AREAS)  # countries, provinces and islands of the world, against shapely
	ASYNCDL_GEOMETRY=$(GEOMETRY) $(BIN)/python -m pytest -q --numprocesses auto --dist worksteal tests/areas

formats: $(READY_FOR_FORMATS)  # files of packages on the index, as other readers take them; writes docs/formats.md
	$(VENV_FORMATS)/bin/python -m docs.make_formats
	$(VENV_FORMATS)/bin/python -m pytest -q tests/formats

formats-slice: $(READY_FOR_FORMATS)  # a part of them, in half a minute
	$(VENV_FORMATS)/bin/python -m pytest -q --numprocesses auto tests/formats

clients: $(READY_FOR_TESTS) $(CLIENTS)/.ready  # clients that nobody here wrote, against the sandbox
	$(BIN)/python -m pytest -q tests/clients

beyond: $(READY_FOR_BEYOND) $(READY_FOR_AZURITE)  # real schedulers, workers and stores, each of them killed, paused and cut off
	$(VENV_BEYOND)/bin/python -m pytest -q --numprocesses auto --dist worksteal tests/beyond
	$(VENV_BEYOND)/bin/python -m pytest -q --with-beyond tests/stores

soak: $(READY_FOR_UVLOOP)  # random faults and kills on each loop, for as long as one likes
	$(BIN)/python -m tests.security.fuzzing --minutes $(MINUTES)
	$(BIN)/python -m tests.soak.soak --minutes $(MINUTES)
	$(VENV_UVLOOP)/bin/python -m tests.soak.soak --minutes $(MINUTES)

audit: $(READY)  # known weaknesses of what we depend on; asks PyPI's advisories, so it needs the internet
	$(PYTHON) -m venv --clear $(VENV_AUDIT)
	$(PIP_FOR) $(VENV_AUDIT)/bin/python --quiet install --group audit
	# --strict: what could not be looked up is no success.
	$(VENV_AUDIT)/bin/pip-audit --strict --no-deps --disable-pip --requirement constraints.txt

bench: $(READY)  # against curl, aria2c and wget2, on a real nginx
	@for program in nginx aria2c wget2 curl openssl; do \
	    command -v $$program > /dev/null || PATH=$$PATH:/usr/sbin command -v $$program > /dev/null || missing=1; \
	done; [ -z "$$missing" ] || { apt-get update -qq && apt-get install -y -qq nginx aria2 wget2 curl openssl; }
	$(BIN)/python -m benchmarks.compare --write

lines: $(READY_FOR_LINES)  # the same and usgsxplore, over long lines, beside what these allow at best
	@for program in nginx aria2c curl openssl; do \
	    command -v $$program > /dev/null || PATH=$$PATH:/usr/sbin command -v $$program > /dev/null || missing=1; \
	done; [ -z "$$missing" ] || { apt-get update -qq && apt-get install -y -qq nginx aria2 curl openssl; }
	$(BIN)/python -m benchmarks.lines --write

growth: $(READY)  # jobs of 1,000, 10,000 and 100,000 files in the sandbox: cost, memory, lag; takes long
	$(BIN)/python -m benchmarks.growth

field: $(READY_FOR_UVLOOP)  # the cases of docs/faults.md beside curl, wget2 and aria2c; takes minutes
	@for program in nginx apache2 lighttpd aria2c wget2 curl openssl; do \
	    command -v $$program > /dev/null || PATH=$$PATH:/usr/sbin command -v $$program > /dev/null || missing=1; \
	done; [ -z "$$missing" ] || { apt-get update -qq && apt-get install -y -qq --no-install-recommends \
	    nginx apache2-bin lighttpd aria2 wget2 curl openssl; }
	$(BIN)/python -m benchmarks.field --write

figures: $(READY)  # how the code is built, in numbers, beside an older commit: make figures BEFORE=818423e
	$(BIN)/python -m benchmarks.figures $(if $(BEFORE),--before $(BEFORE))

release-check: $(READY_FOR_RELEASE)  # all of a release but the commit and the tag: make release-check VERSION=0.2.0
	$(VENV_RELEASE)/bin/python release.py --dry-run $(VERSION)

release: $(READY_FOR_RELEASE)  # build, check, commit and tag; RELEASING.md
	$(VENV_RELEASE)/bin/python release.py $(VERSION)

$(READY): pyproject.toml constraints.txt Makefile
	@$(PYTHON) -c 'import sys; sys.exit("asyncdl needs Python 3.11 or newer; try make PYTHON=python3.11" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv --clear $(VENV) || { apt-get update -qq && apt-get install -y -qq python3-venv && $(PYTHON) -m venv --clear $(VENV); }
	$(PIP) --upgrade pip
	$(PIP) --editable .
	touch $@

$(READY_FOR_TESTS): $(READY)
	@command -v cc > /dev/null || { apt-get update -qq && apt-get install -y -qq gcc libc6-dev; } || true
	$(PIP) --group test
	touch $@

$(READY_FOR_UVLOOP): $(READY_FOR_TESTS)
	$(PYTHON) -m venv --clear $(VENV_UVLOOP)
	$(PIP_FOR) $(VENV_UVLOOP)/bin/python --quiet install --constraint constraints.txt \
	    --editable ".[speed,socks,trust]" --group test
	touch $@

$(READY_FOR_EXTRAS): $(READY_FOR_TESTS)
	$(PYTHON) -m venv --clear $(VENV_EXTRAS)
	$(PIP_FOR) $(VENV_EXTRAS)/bin/python --quiet install --constraint constraints.txt \
	    --editable ".[geo,stac,keyring,notebook,otel,prometheus,trust,socks,dask,store]" --group test --group extras
	touch $@

$(READY_FOR_FORMATS): $(READY_FOR_TESTS)
	@command -v bsdtar > /dev/null || { apt-get update -qq && apt-get install -y -qq libarchive-tools; }
	$(PYTHON) -m venv --clear $(VENV_FORMATS)
	$(PIP_FOR) $(VENV_FORMATS)/bin/python --quiet install --constraint constraints.txt \
	    --upgrade pip --editable . --group test --group formats
	touch $@

$(READY_FOR_READERS): $(READY_FOR_TESTS)
	$(PYTHON) -m venv --clear $(VENV_READERS)
	$(PIP_FOR) $(VENV_READERS)/bin/python --quiet install --editable . --group test --group readers
	touch $@

$(READY_FOR_LINES): $(READY)
	$(PYTHON) -m venv --clear $(VENV_LINES)
	$(PIP_FOR) $(VENV_LINES)/bin/python --quiet install --group lines
	touch $@

$(READY_FOR_BEYOND): $(READY_FOR_TESTS)
	$(PYTHON) -m venv --clear $(VENV_BEYOND)
	$(PIP_FOR) $(VENV_BEYOND)/bin/python --quiet install --constraint constraints.txt \
	    --editable ".[dask,store]" --group test --group beyond
	touch $@

# Without npm, tests of Azure are skipped, and say why.
$(READY_FOR_AZURITE): Makefile
	@command -v npm > /dev/null || { apt-get update -qq && apt-get install -y -qq --no-install-recommends nodejs npm; } || true
	mkdir -p $(AZURITE)
	! command -v npm > /dev/null || npm install --prefix $(AZURITE) --no-audit --no-fund --loglevel error azurite@3.37.0
	touch $@

$(READY_FOR_AREAS): $(READY_FOR_TESTS)
	$(PIP) --group areas
	$(BIN)/python -m pip --quiet --disable-pip-version-check install --upgrade --no-deps \
	    --target $(GEOMETRY) --group areas-geometry
	touch $@

.venv-3.%/.ready: $(READY_FOR_TESTS)
	$(call FIND_PYTHON,3.$*); $$found -m venv --clear .venv-3.$*
	$(PIP_FOR) .venv-3.$*/bin/python --quiet install --constraint constraints.txt \
	    --editable . --group test
	touch $@

$(READY_FOR_DOCS): $(READY_FOR_TESTS)
	$(PIP) --group docs
	touch $@

$(READY_FOR_EXAMPLES): $(READY_FOR_TESTS)
	$(PYTHON) -m venv --clear $(VENV_EXAMPLES)
	$(PIP_FOR) $(VENV_EXAMPLES)/bin/python --quiet install --constraint constraints.txt \
	    --editable ".[prometheus]" --group test --group examples
	touch $@

$(READY_FOR_RELEASE): $(READY)
	$(PYTHON) -m venv --clear $(VENV_RELEASE)
	$(PIP_FOR) $(VENV_RELEASE)/bin/python --quiet install --constraint constraints.txt --group release
	touch $@

# One environment for each group; what a group needs of Python, this machine may lack.
$(CLIENTS)/.ready: $(READY_FOR_TESTS) pyproject.toml Makefile
	rm -rf $(CLIENTS)
	$(BIN)/python -m tests.clients.environments $(CLIENTS)
	touch $@

clean:
	rm -rf $(VENV) .venv-3.* $(VENV_UVLOOP) $(VENV_EXTRAS) $(VENV_EXAMPLES) $(VENV_READERS) $(VENV_LINES) $(VENV_BEYOND) $(AZURITE) $(VENV_FORMATS) .formats $(GEOMETRY) $(VENV_AUDIT) $(VENV_RELEASE) $(CLIENTS) build dist site .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis
