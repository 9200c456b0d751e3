// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package redis

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting"
)

const patience = 20 * time.Second // for what has to happen soon

// eventually waits until check returns no error.
func eventually(t testing.TB, what string, check func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		err := check(ctx)
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("not after %v: %s: %v", patience, what, err)
		case <-time.After(2 * time.Millisecond):
		}
	}
}

func isNotFound(err error) bool { return errors.Is(err, store.ErrNotFound) }

// change changes a flag's client data.
func change(ctx context.Context, s *Store, name string, data targeting.JSON) error {
	_, err := store.Update(ctx, s, name, func(f *store.Flag) error {
		f.ClientData = data
		return nil
	})
	if isNotFound(err) {
		_, err = s.Put(ctx, &store.Flag{Name: name, ClientData: data})
	}
	return err
}
