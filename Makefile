# Gatehouse. Each target does its own set-up and can be run again without harm; `make help` lists
# them. Options go in ARGS:
#
#     make run ARGS="--gateway-http 9052 --home /srv/gatehouse"
#     make test ARGS="tests/unit -k dates"

.DEFAULT_GOAL := help
.PHONY: help setup run test bench screenshots check-validity sabotage soak fuzz lock

ARGS ?=

help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: ## install what Gatehouse needs: Debian packages, .venv with the command `gatehouse`
	@tools/setup run

run: setup ## start a gateway and a research Orthanc, send a sample study, stay up until Ctrl-C
	@exec .venv/bin/gatehouse up $(ARGS)

test: ## check formatting, rules and types, and run all tests, those with a real Orthanc included
	@tools/setup test
	@tools/test $(ARGS)

bench: ## measure against other tools (about 15 minutes; ARGS=--quick: 3)
	@tools/setup test
	@.venv/bin/python -m bench.run $(ARGS)

screenshots: ## make the pictures of the pages in docs/screenshots, with real data
	@tools/setup test
	@tools/screenshots

check-validity: ## check the output of all public test files with every validator at hand (minutes)
	@tools/setup test
	@.venv/bin/pytest tests/standard/check_validity.py $(ARGS)

sabotage: ## break the code on purpose, one way at a time, and see that a test notices each
	@tools/setup test
	@.venv/bin/python tests/sabotage.py $(ARGS)

soak: ## kill every part of a site under load, 200 times over each database and in each mode (hours)
	@tools/setup test
	@tools/test tests/live/soak.py -s $(ARGS)

fuzz: ## fuzz what reads strangers' bytes (ARGS=SECONDS, an hour unless said otherwise)
	@tools/setup test
	@tools/fuzz $(ARGS)

lock: ## resolve the dependencies again and write the lock files
	@tools/lock $(ARGS)
