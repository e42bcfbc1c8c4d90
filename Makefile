# Targets are thin; what they do is in bin/. `make` alone prints this help.
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

##@ Try it

.PHONY: demo
demo: ## Run the month end on made-up data, embedded; KEEP=1 leaves the stack up
	@bin/demo

.PHONY: demo-containers
demo-containers: ## The same through the containers that `make up` started
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
lock: init ## Write every requirements.txt anew; UPGRADE=1 with the newest versions
	@UPGRADE=$(UPGRADE) PATH="$(CURDIR)/.venv/bin:$$PATH" bin/lock

.PHONY: docs
docs: init ## Write docs/configuration.md, docs/capacity.md, docs/scale.md and the tables in terraform/ anew
	@PYTHONPATH=tests .venv/bin/python tests/configuration.py
	@PYTHONPATH=tests .venv/bin/python tests/terraform_docs.py
	@PYTHONPATH=tests .venv/bin/python tests/capacity_page.py
	@PYTHONPATH=tests .venv/bin/python tests/scale_page.py

##@ Test

.PHONY: test
test: ## Lint, unit, contract, integration and image tests; T=path for some of the tests
	@bin/test $(T)

.PHONY: test-unit
test-unit: ## Only the tests that need neither network nor Docker; T=path for some of them
	@bin/test $(or $(T),tests/unit tests/contract)

.PHONY: test-deploy
test-deploy: ## Terraform's tests, the deployment to a local AWS, a second emulator; T=path for some of the tests
	@bin/test-deploy $(T)

.PHONY: pr
pr: test test-deploy ## All that CI runs for a pull request

.PHONY: test-terraform
test-terraform: init ## Only Terraform: format, validity, tests; no account needed
	@bin/test-terraform

.PHONY: bench-cold-start
bench-cold-start: ## Layers and cold start of each image beside bare imports; writes build/bench/cold_start.json
	@bin/bench-cold-start

.PHONY: faults
faults: init ## Faults at random moments and what must hold after each; N=50 SEED=7
	@N=$(N) SEED=$(SEED) bin/faults

.PHONY: bench-stats
bench-stats: ## Stats beside the old algorithm and a raw updateMany, and a million users in the limited image
	@SIZE=$(SIZE) ROUNDS=$(ROUNDS) bin/bench-stats

.PHONY: bench-discord
bench-discord: init ## Ten thousand odd messages through discord; writes build/bench/discord.json
	@PYTHONPATH=tests .venv/bin/python tests/bench/discord.py

.PHONY: bench-data
bench-data: init ## Made-up data beside a bare insert_many; SIZE=5000 users; writes build/bench/data.json
	@SIZE=$(SIZE) ROUNDS=$(ROUNDS) bin/bench-data

.PHONY: bench
bench: bench-cold-start bench-cleanup bench-stats bench-discord bench-data ## Every bench

.PHONY: bench-cleanup
bench-cleanup: ## Cleanup beside other ways to purge; SIZE=2500000 for the big row in the limited image
	@SIZE=$(SIZE) WEEKLY=$(WEEKLY) ROUNDS=$(ROUNDS) bin/bench-cleanup

##@ Containers

.PHONY: wheel
wheel: ## Put what each image is made of into build/wheels
	@bin/wheel

.PHONY: build
build: ## Build the images joytify/{stats,cleanup,discord} and joytify/local
	@bin/build

.PHONY: up
up: ## Start the containers: MongoDB, local AWS with the functions, backend, Discord
	@bin/up

.PHONY: down
down: ## Stop whatever local stack is up, with its data
	@bin/down

##@ Deploy

.PHONY: push
push: ## Push the images to REGISTRY (this account's ECR) and write their digests for ENVIRONMENT (prod); FROM=dev: dev's
	@bin/push

.PHONY: sbom
sbom: ## What each built image holds, with licences; writes build/sbom
	@bin/sbom

.PHONY: audit
audit: ## Known faults of what is locked, asked of PyPI
	@bin/audit

.PHONY: deploy-local
deploy-local: ## Deploy to a local AWS as to an account, and check it; it stays up
	@bin/deploy-local

.PHONY: destroy-local
destroy-local: ## Destroy what deploy-local left up
	@bin/destroy-local

##@ Other

.PHONY: clean
clean: down ## Remove .venv and build/
	@rm -rf .venv build

.PHONY: help
help: ## Print this help
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
