# Most targets call a script in bin/. `make` prints the help.
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

##@ Try it

.PHONY: demo
demo: ## Run the month end on synthetic data, in Docker only if no mongod can run here; KEEP=1 leaves the stack running
	@bin/demo

.PHONY: demo-containers
demo-containers: ## Run the demo in the containers that `make up` started
	@.venv/bin/joytify demo --containers

##@ Develop

.PHONY: init
init: ## Install everything for development into .venv
	@bin/install tests

.PHONY: fmt
fmt: init ## Format the code
	@.venv/bin/ruff format .
	@.venv/bin/ruff check --fix .

.PHONY: lint
lint: init ## ruff, mypy, import-linter, codespell, hadolint, shellcheck, zizmor
	@bin/lint

.PHONY: lock
lock: init ## Rewrite every requirements.txt; UPGRADE=1 takes the newest versions
	@UPGRADE=$(UPGRADE) PATH="$(CURDIR)/.venv/bin:$$PATH" bin/lock

.PHONY: docs
docs: init ## Regenerate docs/configuration.md, docs/capacity.md, docs/scale.md and the tables in terraform/
	@PYTHONPATH=tests .venv/bin/python tests/configuration.py
	@PYTHONPATH=tests .venv/bin/python tests/terraform_docs.py
	@PYTHONPATH=tests .venv/bin/python tests/capacity_page.py
	@PYTHONPATH=tests .venv/bin/python tests/scale_page.py

##@ Test

.PHONY: test
test: ## Lint, unit, contract, integration and image tests; T=path runs only the tests in it, without lint
	@bin/test $(T)

.PHONY: test-unit
test-unit: ## Only the tests that need neither network nor Docker; T=path limits the tests
	@bin/test $(or $(T),tests/unit tests/contract)

.PHONY: test-deploy
test-deploy: ## Terraform's tests, a deployment to a local AWS, a second emulator; T=path limits the tests
	@bin/test-deploy $(T)

.PHONY: pr
pr: test test-deploy audit ## Run make test, make test-deploy and make audit

.PHONY: test-terraform
test-terraform: init ## Only Terraform: format, validity, tests; no AWS account needed
	@bin/test-terraform

.PHONY: bench-cold-start
bench-cold-start: ## Measure each image's layers, and its cold start compared with bare imports; writes build/bench/cold_start.json
	@bin/bench-cold-start

.PHONY: faults
faults: init ## Inject faults at random moments and check invariants; N=20 trials, SEED=1
	@N=$(N) SEED=$(SEED) bin/faults

.PHONY: bench-stats
bench-stats: ## Compare stats with the previous system's algorithm and a raw updateMany; run stats for a million users in an image with Lambda's limits
	@SIZE=$(SIZE) ROUNDS=$(ROUNDS) bin/bench-stats

.PHONY: bench-discord
bench-discord: init ## Render ten thousand unusual messages with discord; writes build/bench/discord.json
	@PYTHONPATH=tests .venv/bin/python tests/bench/discord.py

.PHONY: bench-data
bench-data: init ## Compare data generation with a bare insert_many; SIZE=5000 users; writes build/bench/data.json
	@SIZE=$(SIZE) ROUNDS=$(ROUNDS) bin/bench-data

.PHONY: bench
bench: bench-cold-start bench-cleanup bench-stats bench-discord bench-data ## Run every benchmark

.PHONY: bench-cleanup
bench-cleanup: ## Compare cleanup with other methods; SIZE=2500000 runs the large case in an image with Lambda's limits
	@SIZE=$(SIZE) WEEKLY=$(WEEKLY) ROUNDS=$(ROUNDS) bin/bench-cleanup

##@ Containers

.PHONY: wheel
wheel: ## Collect the wheels of each image in build/wheels
	@bin/wheel

.PHONY: build
build: ## Build the images joytify/{stats,cleanup,discord} and joytify/local
	@bin/build

.PHONY: up
up: ## Start the containers: MongoDB, local AWS with the functions, backend, Discord
	@bin/up

.PHONY: down
down: ## Stop the local stack and delete its data
	@bin/down

##@ Deploy

.PHONY: push
push: ## Push the images to REGISTRY (default: this account's ECR) and write their digests for ENVIRONMENT (default: prod); FROM=dev reuses dev's images
	@bin/push

.PHONY: sbom
sbom: ## List the Python packages of each function's image, with licences; writes build/sbom
	@bin/sbom

.PHONY: audit
audit: ## Check the locked packages for known vulnerabilities (PyPI)
	@bin/audit

.PHONY: deploy-local
deploy-local: ## Deploy to a local AWS and check the deployment, which stays up
	@bin/deploy-local

.PHONY: destroy-local
destroy-local: ## Destroy the deployment that deploy-local made
	@bin/destroy-local

##@ Other

.PHONY: clean
clean: down ## Remove .venv and build/
	@rm -rf .venv build

.PHONY: help
help: ## Print this help
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
