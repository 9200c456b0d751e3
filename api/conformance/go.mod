module github.com/flipper-go/flipper/api/conformance

go 1.26.0

require (
	github.com/flipper-go/flipper v0.0.0
	go.uber.org/goleak v1.3.0
)

require (
	github.com/apache/thrift v0.25.0 // indirect
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/redis/go-redis/v9 v9.23.0 // indirect
	go.uber.org/atomic v1.12.0 // indirect
	go.uber.org/mock v0.6.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
)

require (
	github.com/google/go-cmp v0.7.0
	github.com/hashicorp/golang-lru/v2 v2.0.7 // indirect
	github.com/open-feature/go-sdk v1.20.0
	github.com/open-feature/go-sdk-contrib/providers/ofrep v0.1.7
)

replace github.com/flipper-go/flipper => ../..

// The SDK asks for it, for tests of its own that nobody else runs.
exclude github.com/cucumber/godog v0.16.0
