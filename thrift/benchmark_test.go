// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package thrift

import (
	"io"
	"net"
	"testing"

	"github.com/flipper-go/flipper/store/memory"
)

// BenchmarkGet is one call at a time, over TCP, by one client and by one for each
// processor, from a client that only compares sizes. BenchmarkEcho is what
// sending as many bytes to and fro costs by itself.
func BenchmarkGet(b *testing.B) {
	service := newService(b, memory.New(), newRecorder())
	mustCreate(b, service, "x")
	_, address := serve(b, service)
	question := request("Get", 1, "x")
	conn := dial(b, address)
	conn.Write(question)
	answer, err := readReply(conn, "Get")
	if err != nil {
		b.Fatal(err)
	}
	benchmarkRoundTrips(b, address, question, len(answer.raw))
}

func BenchmarkEcho(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	question := request("Get", 1, "x")
	answer := make([]byte, 139)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				buffer := make([]byte, len(question))
				for {
					if _, err := io.ReadFull(conn, buffer); err != nil {
						return
					}
					if _, err := conn.Write(answer); err != nil {
						return
					}
				}
			}()
		}
	}()
	benchmarkRoundTrips(b, l.Addr().String(), question, len(answer))
}

func benchmarkRoundTrips(b *testing.B, address string, question []byte, answerSize int) {
	roundTrip := func(conn net.Conn, answer []byte) error {
		if _, err := conn.Write(question); err != nil {
			return err
		}
		_, err := io.ReadFull(conn, answer)
		return err
	}
	b.Run("one", func(b *testing.B) {
		conn, answer := dial(b, address), make([]byte, answerSize)
		b.ReportAllocs()
		for b.Loop() {
			if err := roundTrip(conn, answer); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.SetParallelism(8)
		b.RunParallel(func(pb *testing.PB) {
			conn, answer := dial(b, address), make([]byte, answerSize)
			for pb.Next() {
				if err := roundTrip(conn, answer); err != nil {
					b.Error(err)
					return
				}
			}
		})
	})
}
