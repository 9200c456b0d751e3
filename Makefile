# Copyright The Flipper Authors
# SPDX-License-Identifier: Apache-2.0

GO ?= go
FUZZTIME ?= 10s
TESTTIMEOUT ?= 20m

# Tools run at these versions, outside our go.mod: who imports this module does
# not get them. go run asks a proxy about the module each time; with the module
# cache as the first proxy, what was run once also runs without a network.
GO_RUN = GOPROXY="file://$$($(GO) env GOMODCACHE)/cache/download,$$($(GO) env GOPROXY)" $(GO) run
GOLANGCI_LINT = $(GO_RUN) github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
GOVULNCHECK = $(GO_RUN) golang.org/x/vuln/cmd/govulncheck@v1.8.0

# What the binary and the image say they are: the last release, which is tagged
# v1.2.3 (tags of the other modules have their folder before that), and what came
# after it; or the commit; or, outside a repository, what Go knows.
VERSION = $(shell git describe --tags --match 'v[0-9]*' --always --dirty 2>/dev/null)

GENERATED = internal/featureflagstore

# Modules of their own inside this one, which ./... leaves out.
MODULES = api/conformance api/unleash/conformance bench examples/storefront openfeature openfeature/conformance telemetry/flipperotel

.PHONY: help
help: ## Show this help
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## / {printf "  %-15s %s\n", $$1, $$2}' Makefile

.PHONY: run
run: build ## Build the server and start it on 127.0.0.1:9090
	bin/flipper serve

.PHONY: build
build: ## Build bin/flipper
	$(GO) build $(if $(VERSION),-ldflags '-X main.buildVersion=$(VERSION)') -o bin/flipper ./cmd/flipper

.PHONY: test
test: test-deps ## Run all tests with the race detector
	$(GO) test -race -timeout $(TESTTIMEOUT) ./...
	@for m in $(MODULES); do echo "== $$m"; $(GO) -C "$$m" test -race -timeout $(TESTTIMEOUT) ./... || exit 1; done

.PHONY: test-deps
test-deps: ## Install what the tests need, if it is missing
	@sh scripts/test-deps.sh
	@GO="$(GO)" sh scripts/consul.sh
	@sh scripts/npm.sh

.PHONY: check
check: static test helm-check ## Everything that has to pass before a commit

.PHONY: static
static: fmt-check vet lint tidy-check generate-check bench-smoke ## All of check but the tests

.PHONY: lint
lint: ## Look for mistakes (golangci-lint, which has staticcheck inside)
	$(GOLANGCI_LINT) run --allow-serial-runners
	@for m in $(MODULES); do echo "== $$m"; (cd "$$m" && $(GOLANGCI_LINT) run --allow-serial-runners) || exit 1; done

.PHONY: vet
vet: ## Run go vet
	$(GO) vet ./...
	@for m in $(MODULES); do echo "== $$m"; $(GO) -C "$$m" vet ./... || exit 1; done

.PHONY: fmt
fmt: ## Format the code (gofumpt and gci)
	$(GOLANGCI_LINT) fmt

.PHONY: fmt-check
fmt-check: ## Fail if make fmt would change something
	$(GOLANGCI_LINT) fmt --diff

.PHONY: tidy-check
tidy-check: ## Fail if go.mod or go.sum is not what the code needs
	$(GO) mod tidy -diff
	@for m in $(MODULES); do echo "== $$m"; $(GO) -C "$$m" mod tidy -diff || exit 1; done

.PHONY: generate
generate: ## Generate the Thrift code anew (needs the Thrift compiler)
	sh thrift/generate.sh

.PHONY: thrift
thrift: generate ## The same as generate

.PHONY: generate-check
generate-check: test-deps ## Fail if the Thrift code is not what the compiler makes
	@before=$$(mktemp -d) || exit 1; trap 'rm -rf "$$before"' EXIT; \
	cp -R $(GENERATED)/. "$$before" && sh thrift/generate.sh || exit 1; \
	diff -r "$$before" $(GENERATED) || \
	{ echo "the generated code was out of date; it is new now: commit it" >&2; exit 1; }

.PHONY: helm-check
helm-check: ## Render the Helm chart, and check what comes of it
	cd tools/helm && $(GO) vet ./... && $(GO) test ./...

.PHONY: image
image: ## Build the container image (needs Docker)
	docker build -f deploy/Dockerfile $(if $(VERSION),--build-arg VERSION=$(VERSION)) -t flipper .

.PHONY: bench
bench: test-deps ## Measure everything, and write docs/performance.md (10 minutes)
	cd bench && $(GO) run . -doc ../docs/performance.md -json results/latest.json

.PHONY: bench-smoke
bench-smoke: ## Fail if something has become ten times as slow
	$(GO) test -count=1 ./internal/ratios

.PHONY: bench-packages
bench-packages: ## Run the packages' own benchmarks
	$(GO) test -run '^$$' -bench . -benchmem ./...

.PHONY: fuzz
fuzz: ## Run each fuzz target for FUZZTIME (10s)
	@GO="$(GO)" FUZZTIME="$(FUZZTIME)" sh scripts/fuzz.sh

.PHONY: vulncheck
vulncheck: ## Look for known vulnerabilities (needs the network)
	$(GOVULNCHECK) ./...

.PHONY: clean
clean: ## Remove what was built
	rm -rf bin
