module github.com/flipper-go/flipper

go 1.26

require (
	github.com/apache/thrift v0.25.0 // indirect
	github.com/google/go-cmp v0.7.0 // indirect
	github.com/urfave/cli/v3 v3.14.0 // indirect
	go.etcd.io/bbolt v1.5.0 // indirect
	go.uber.org/goleak v1.3.0 // indirect
	golang.org/x/sys v0.45.0 // indirect
)
