module github.com/flipper-go/flipper/openfeature/conformance

go 1.26.0

require (
	github.com/cucumber/godog v0.15.1
	github.com/flipper-go/flipper v0.0.0
	github.com/flipper-go/flipper/openfeature v0.0.0
	github.com/open-feature/go-sdk v1.20.0
)

require (
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/cucumber/gherkin/go/v26 v26.2.0 // indirect
	github.com/cucumber/messages/go/v21 v21.0.1 // indirect
	github.com/gofrs/uuid v4.3.1+incompatible // indirect
	github.com/hashicorp/go-immutable-radix v1.3.1 // indirect
	github.com/hashicorp/go-memdb v1.3.5 // indirect
	github.com/hashicorp/golang-lru v1.0.2 // indirect
	github.com/redis/go-redis/v9 v9.23.0 // indirect
	github.com/spf13/pflag v1.0.10 // indirect
	go.uber.org/atomic v1.12.0 // indirect
	go.uber.org/goleak v1.3.0 // indirect
	go.uber.org/mock v0.6.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
)

replace github.com/flipper-go/flipper => ../..

replace github.com/flipper-go/flipper/openfeature => ..

// The SDK asks for it, for tests of its own that nobody else runs. Ours run with
// v0.15.1.
exclude github.com/cucumber/godog v0.16.0
