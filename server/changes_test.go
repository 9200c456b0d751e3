// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"crypto/tls"
	"log/slog"
	"regexp"
	"slices"
	"testing"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/server"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/memory"
	"github.com/flipper-go/flipper/store/thriftrpc"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/carta"
)

// changeLines returns what the log says of changes, without times and addresses.
func changeLines(log *lockedLog) []string {
	var lines []string
	for _, match := range regexp.MustCompile(`level=INFO msg="flag changed" (.*)\n`).FindAllStringSubmatch(log.String(), -1) {
		lines = append(lines, regexp.MustCompile(`remote=127\.0\.0\.1:\d+`).ReplaceAllString(match[1], "remote=HERE"))
	}
	return lines
}

// plainStore hides all that a store has but what every store has.
type plainStore struct{ store.Store }

// Each change is one line that says what changed in words, and who made it. A write
// that changes nothing is none.
func TestChangesAreLogged(t *testing.T) {
	a := newAuthority(t)
	for name, s := range map[string]store.Store{"memory": memory.New(), "a store that cannot be watched": plainStore{memory.New()}} {
		t.Run(name, func(t *testing.T) {
			log := &lockedLog{}
			logger := slog.New(slog.NewTextHandler(log, nil))
			address, _, stop := start(t, s, server.WithLogger(logger), server.WithCertificates(servingTLS(t, a, logger)))
			client := thriftrpc.New(address.String(), thriftrpc.WithTLS(&tls.Config{
				RootCAs: a.pool(), Certificates: []tls.Certificate{a.client("deploy")}, MinVersion: tls.VersionTLS12,
			}))
			features := flipper.New(client)
			ctx := t.Context()
			do := func(err error) {
				t.Helper()
				if err != nil {
					t.Error(err)
				}
			}
			_, err := features.Create(ctx, "NEW")
			do(err)
			do(features.Enable(ctx, "NEW"))
			do(features.Enable(ctx, "NEW")) // it is
			rollout := func(share float64) func(*store.Flag) error {
				return func(f *store.Flag) error {
					f.Bucketer = carta.NewConsistentHashBucketer(carta.FixedPercentage(share), "user_id")
					return nil
				}
			}
			update := func(change func(*store.Flag) error) {
				t.Helper()
				_, err := store.Update(ctx, client, "NEW", change)
				do(err)
			}
			update(rollout(0.1))
			update(rollout(0.1))
			update(rollout(0.25))
			update(func(f *store.Flag) error { f.ClientData = `{"owner":"web"}`; return nil })
			update(func(f *store.Flag) error { f.ClientData = targeting.JSON("{\"owner\": \t\"web\"}"); return nil })
			do(features.Destroy(ctx, "NEW"))
			do(client.Close())
			do(stop())
			by := ` remote=HERE certificate="CN=deploy"`
			want := []string{
				`feature_name=NEW change="created, off" method=CompareAndSet` + by,
				`feature_name=NEW change="switched on" method=CompareAndSet` + by,
				`feature_name=NEW change="rollout: 10 % by user_id, was none" method=CompareAndSet` + by,
				`feature_name=NEW change="rollout: 25 % by user_id, was 10 %" method=CompareAndSet` + by,
				`feature_name=NEW change="client data: owner is now \"web\"" method=CompareAndSet` + by,
				`feature_name=NEW change="deleted, was on for 25 % by user_id" method=DeleteStored` + by,
			}
			if got := changeLines(log); !slices.Equal(got, want) {
				t.Errorf("logged:\n%q\nwant:\n%q", got, want)
			}
		})
	}
}

// A log of warnings does not ask for changes.
func TestChangesAreNotLogged(t *testing.T) {
	log := &lockedLog{}
	s := memory.New()
	address, _, stop := start(t, s, server.WithLogger(slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelWarn}))))
	client := thriftrpc.New(address.String())
	if _, err := client.Put(t.Context(), &store.Flag{Name: "NEW"}); err != nil {
		t.Error(err)
	}
	if err := client.Close(); err != nil {
		t.Error(err)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	if log.String() != "" {
		t.Errorf("logged: %s", log)
	}
}
