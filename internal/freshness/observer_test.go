// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package freshness_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync"
	"time"

	apache "github.com/apache/thrift/lib/go/thrift"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/internal/featureflagstore"
	"github.com/flipper-go/flipper/store/storeurl"
)

// An observer is the other process: the test binary, started anew with the URL of
// a store in this variable. It prints a line for each thing that it sees: "answer
// TIME true" when IsEnabled returns another answer, "bare TIME" when the backend
// told a client that does nothing else, and "ready" at the start.
const observerVariable = "FLIPPER_FRESHNESS_OBSERVER"

const flagName = "FRESH"

func observe(url string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	// The other end of standard input is the test: it ends with it.
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	watched, err := storeurl.Open(url)
	if err != nil {
		return err
	}
	defer watched.Close()
	if err := watched.WaitReady(ctx); err != nil {
		return err
	}

	var printing sync.Mutex
	say := func(format string, args ...any) {
		printing.Lock()
		defer printing.Unlock()
		fmt.Printf(format+"\n", args...)
	}
	stands := make(chan struct{})
	go func() {
		if err := listen(ctx, url, stands, func(at time.Time) { say("bare %d", at.UnixNano()) }); err != nil && ctx.Err() == nil {
			say("failed %v", err)
		}
	}()
	<-stands
	features := flipper.New(watched)
	last := features.IsEnabled(ctx, flagName)
	first := true
	for _, err := range watched.Watch(ctx) {
		if err != nil {
			return err
		}
		if on := features.IsEnabled(ctx, flagName); on != last {
			last = on
			say("answer %d %t", time.Now().UnixNano(), on)
		}
		if first {
			first = false
			say("ready")
		}
	}
	return nil
}

// listen calls told whenever the backend tells of a change, with as little of our
// own in between as can be. It closes stands once every later change is told.
func listen(ctx context.Context, url string, stands chan<- struct{}, told func(time.Time)) error {
	scheme, address, _ := strings.Cut(url, "://")
	switch scheme {
	case "redis":
		return listenRedis(ctx, address, stands, told)
	case "consul":
		return listenConsul(ctx, address, stands, told)
	case "thrift":
		return listenThrift(ctx, address, stands, told)
	}
	close(stands)
	return errors.New("unknown store " + url)
}

func listenRedis(ctx context.Context, address string, stands chan<- struct{}, told func(time.Time)) error {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		close(stands)
		return err
	}
	defer conn.Close()
	context.AfterFunc(ctx, func() { conn.Close() })
	if _, err := io.WriteString(conn, "HELLO 3\r\nCLIENT TRACKING ON BCAST PREFIX features/\r\nECHO stands\r\n"); err != nil {
		close(stands)
		return err
	}
	lines := bufio.NewReader(conn)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return err
		}
		switch {
		case line[0] == '>':
			told(time.Now())
		case line == "stands\r\n":
			close(stands)
		}
	}
}

func listenConsul(ctx context.Context, address string, stands chan<- struct{}, told func(time.Time)) error {
	index := ""
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/v1/kv/features/?recurse&wait=60s&index="+index, http.NoBody)
		if err != nil {
			return err
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		at := time.Now()
		_, _ = io.Copy(io.Discard, response.Body)
		response.Body.Close()
		if index == "" {
			close(stands)
		} else {
			told(at)
		}
		index = response.Header.Get("X-Consul-Index")
	}
}

func listenThrift(ctx context.Context, address string, stands chan<- struct{}, told func(time.Time)) error {
	transport := apache.NewTBufferedTransport(apache.NewTSocketConf(address, nil), 4096)
	if err := transport.Open(); err != nil {
		close(stands)
		return err
	}
	defer transport.Close()
	context.AfterFunc(ctx, func() { transport.Close() })
	client := featureflagstore.NewFeatureFlagStoreClientFactory(transport, apache.NewTBinaryProtocolFactoryConf(nil))
	position := ""
	for {
		changes, err := client.Watch(ctx, position, 60_000)
		if err != nil {
			return err
		}
		if position == "" {
			close(stands)
		} else {
			told(time.Now())
		}
		position = changes.GetPosition()
	}
}
