// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package thrift

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	apache "github.com/apache/thrift/lib/go/thrift"

	"github.com/flipper-go/flipper/internal/measure"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/memory"
	"github.com/flipper-go/flipper/targeting/carta"
)

// BenchmarkService compares the service with bare Thrift: with the library's own
// server, which answers every call with one text, so that its messages are as
// large as ours. The client is the library's too, and the same for both: it takes
// what a reply holds without looking at it. They take turns, so that what else the
// machine does happens to both.
//
// The metrics are calls per second and the 99th percentile of their latency, of
// the service and of bare Thrift, and the ratios of them: 1 is as good as bare
// Thrift, and more is better in both.
func BenchmarkService(b *testing.B) {
	service := newService(b, memory.New(), newRecorder())
	storeBenchmarkFlag(b, service)
	_, address := serve(b, service)
	for _, method := range []string{"Get", "GetStored"} {
		size := replySize(b, address, method)
		bare := serveBare(b, size)
		for _, framed := range []bool{false, true} {
			form := "Buffered"
			if framed {
				form = "Framed"
			}
			for _, connections := range []int{1, 16, 64} {
				b.Run(fmt.Sprintf("%s/%s/Connections=%d", method, form, connections), func(b *testing.B) {
					caller := func(address string) func() error {
						return newBareClient(dial(b, address), method, framed, size).call
					}
					compare(b, connections, func() func() error { return caller(address) }, func() func() error {
						return caller(bare[framed])
					})
				})
			}
		}
	}
}

// BenchmarkPipelined sends many requests at a time. Per operation is per request.
func BenchmarkPipelined(b *testing.B) {
	const depth = 32
	service := newService(b, memory.New(), newRecorder())
	storeBenchmarkFlag(b, service)
	_, address := serve(b, service)
	conn := dial(b, address)
	question := request("Get", 1, benchmarkFlag)
	questions := []byte(strings.Repeat(string(question), depth))
	answers := make([]byte, depth*replySize(b, address, "Get"))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := conn.Write(questions); err != nil {
			b.Fatal(err)
		}
		for n := 0; n < len(answers); {
			read, err := conn.Read(answers[n:])
			if err != nil {
				b.Fatal(err)
			}
			n += read
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*depth), "ns/request")
}

const benchmarkFlag = "MY_FEATURE"

// storeBenchmarkFlag stores a flag with a rule and a rollout.
func storeBenchmarkFlag(b *testing.B, service *Service) {
	b.Helper()
	_, err := service.store.Put(b.Context(), &store.Flag{
		Name:       benchmarkFlag,
		Enabled:    true,
		Created:    time.Unix(1700000000, 0),
		ClientData: `{"owner": "team"}`,
		Conditions: []carta.Condition{carta.NewCondition(carta.Equal("plan", "pro"))},
		Bucketer:   carta.NewConsistentHashBucketer(carta.FixedPercentage(0.25), "user_id"),
	})
	if err != nil {
		b.Fatal(err)
	}
}

// compare measures the service beside bare Thrift. How often is not b.N's affair.
func compare(b *testing.B, connections int, newService, newBare func() func() error) {
	service, bare := measure.Load{Name: "service"}, measure.Load{Name: "bare Thrift"}
	for range connections {
		service.Clients = append(service.Clients, newService())
		bare.Clients = append(bare.Clients, newBare())
	}
	results, err := measure.RunLoads(b.Context(), []measure.Load{service, bare}, measure.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(0, "ns/op") // that of both together means nothing
	for i, unit := range []string{"", "bare-"} {
		b.ReportMetric(results[i].PerSecond(), unit+"req/s")
		b.ReportMetric(results[i].P99/1000, unit+"p99-µs")
	}
	b.ReportMetric(results[0].PerSecond()/results[1].PerSecond(), "ratio")
	b.ReportMetric(results[1].P99/results[0].P99, "p99-ratio")
}

// replySize returns the size of the reply about the flag.
func replySize(b *testing.B, address, method string) int {
	b.Helper()
	conn := dial(b, address)
	if _, err := conn.Write(request(method, 1, benchmarkFlag)); err != nil {
		b.Fatal(err)
	}
	n, err := conn.Read(make([]byte, 64<<10)) // it is sent in one piece
	if err != nil {
		b.Fatal(err)
	}
	return n
}

// A bareClient is the library's client, with as little as possible around it.
type bareClient struct {
	client apache.TClient
	method string
	args   textStruct
	result opaqueStruct
}

func newBareClient(conn net.Conn, method string, framed bool, replySize int) *bareClient {
	configuration := &apache.TConfiguration{}
	var transport apache.TTransport = apache.NewTBufferedTransport(apache.NewTSocketFromConnConf(conn, configuration), 4096)
	if framed {
		transport = apache.NewTFramedTransportConf(transport, configuration)
	}
	protocol := apache.NewTBinaryProtocolConf(transport, configuration)
	return &bareClient{
		client: apache.NewTStandardClient(protocol, protocol),
		method: method,
		args:   textStruct{field: 1, text: benchmarkFlag},
		result: make(opaqueStruct, replySize-headerSize(method)),
	}
}

func (c *bareClient) call() error {
	_, err := c.client.Call(context.Background(), c.method, &c.args, c.result)
	return err
}

// headerSize is what of a message is before its struct.
func headerSize(method string) int { return 4 + 4 + len(method) + 4 }

// An opaqueStruct is a struct of known size that nobody looks at.
type opaqueStruct []byte

func (opaqueStruct) Write(context.Context, apache.TProtocol) error { return nil }
func (s opaqueStruct) Read(_ context.Context, in apache.TProtocol) error {
	_, err := io.ReadFull(in.Transport(), s)
	return err
}

// serveBare serves bare Thrift, with replies of a size, and returns the addresses of
// the buffered and the framed transport.
func serveBare(b *testing.B, replySize int) map[bool]string {
	b.Helper()
	addresses := map[bool]string{}
	for _, framed := range []bool{false, true} {
		l, err := apache.NewTServerSocket("127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		if err := l.Listen(); err != nil {
			b.Fatal(err)
		}
		var factory apache.TTransportFactory = apache.NewTBufferedTransportFactory(4096)
		if framed {
			factory = apache.NewTFramedTransportFactoryConf(factory, nil)
		}
		server := apache.NewTSimpleServer4(&bareProcessor{replySize: replySize}, l, factory, apache.NewTBinaryProtocolFactoryConf(nil))
		served := make(chan error)
		go func() { served <- server.Serve() }()
		b.Cleanup(func() {
			if err := server.Stop(); err != nil {
				b.Error(err)
			}
			<-served
		})
		addresses[framed] = l.Addr().String()
	}
	return addresses
}

// A bareProcessor is what a generated processor is without the goroutine and the
// ticker that it starts for each call.
type bareProcessor struct {
	apache.TProcessor
	replySize int
}

func (p *bareProcessor) Process(ctx context.Context, in, out apache.TProtocol) (bool, apache.TException) {
	name, _, id, err := in.ReadMessageBegin(ctx)
	if err != nil {
		return false, apache.WrapTException(err)
	}
	args := textStruct{field: 1}
	if err := args.Read(ctx, in); err != nil {
		return false, apache.WrapTException(err)
	}
	result := textStruct{field: 0, text: bareText[:p.replySize-headerSize(name)-emptyTextStructSize]}
	if err := out.WriteMessageBegin(ctx, name, apache.REPLY, id); err != nil {
		return false, apache.WrapTException(err)
	}
	if err := result.Write(ctx, out); err != nil {
		return false, apache.WrapTException(err)
	}
	if err := out.Flush(ctx); err != nil {
		return false, apache.WrapTException(err)
	}
	return true, nil
}

var bareText = strings.Repeat("x", 64<<10)

// emptyTextStructSize is the size of a textStruct without its text: the field's
// type and number, the length, and the end.
const emptyTextStructSize = 1 + 2 + 4 + 1

// A textStruct is a struct of one text, read and written as generated code does.
type textStruct struct {
	field int16
	text  string
}

func (s *textStruct) Write(ctx context.Context, out apache.TProtocol) error {
	if err := out.WriteStructBegin(ctx, ""); err != nil {
		return err
	}
	if err := out.WriteFieldBegin(ctx, "", apache.STRING, s.field); err != nil {
		return err
	}
	if err := out.WriteString(ctx, s.text); err != nil {
		return err
	}
	if err := out.WriteFieldStop(ctx); err != nil {
		return err
	}
	return out.WriteStructEnd(ctx)
}

func (s *textStruct) Read(ctx context.Context, in apache.TProtocol) error {
	if _, err := in.ReadStructBegin(ctx); err != nil {
		return err
	}
	for {
		_, kind, id, err := in.ReadFieldBegin(ctx)
		if err != nil {
			return err
		}
		if kind == apache.STOP {
			return in.ReadStructEnd(ctx)
		}
		if id == s.field && kind == apache.STRING {
			s.text, err = in.ReadString(ctx)
		} else {
			err = in.Skip(ctx, kind)
		}
		if err != nil {
			return err
		}
	}
}
