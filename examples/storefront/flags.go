// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"embed"
	"errors"
	"log/slog"
	"time"

	"github.com/flipper-go/flipper"
)

// Other programs share the store, so the names of our flags have a prefix.
const namespace flipper.Namespace = "storefront"

// Flags are all the flags that this program asks.
var Flags = struct{ NewHome, Reviews, FreeShipping, GiftCards, Orders *flipper.Declaration }{
	NewHome: namespace.Declare("new_home",
		flipper.Description("The front page in its new design"),
		flipper.Owner("team-web"),
		flipper.Expires(2027, time.March, 31),
	),
	Reviews: namespace.Declare("reviews",
		flipper.Description("What customers say, on the front page and in the API"),
		flipper.Owner("team-web"),
	),
	FreeShipping: namespace.Declare("free_shipping",
		flipper.Description("Free shipping, and the banner that says so"),
		flipper.Owner("team-sales"),
	),
	GiftCards: namespace.Declare("gift_cards",
		flipper.Description("The page of gift cards"),
		flipper.Owner("team-sales"),
	),
	// A kill switch: it is on, also where there is no answer.
	Orders: namespace.Declare("orders",
		flipper.EnabledByDefault(),
		flipper.Description("Whether orders are taken"),
		flipper.Owner("team-orders"),
	),
}

// initialFlags has the file of flags with which a process starts that cannot reach
// the store. It was written by `flipper export`.
//
//go:embed flags.json
var initialFlags embed.FS

// register creates the declared flags that are missing, and logs what does not fit
// together. It tries again until the store can be reached or ctx ends.
//
// The client must be one of the store itself, and know the declarations: a mirror that
// could not reach the store yet takes its initial flags for those that are stored.
func register(ctx context.Context, stored *flipper.FeatureFlagClient, logger *slog.Logger) {
	for {
		err := stored.Register(ctx)
		if err == nil {
			break
		}
		logger.Warn("flags are not registered yet", "error", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(2 * time.Second):
		}
	}
	audit, err := stored.Audit(ctx)
	if err != nil {
		logger.Warn("flags could not be compared with those declared", "error", err)
		return
	}
	logger.Info("flags are registered", "missing", audit.Missing, "undeclared", audit.Undeclared, "expired", audit.Expired)
}

// logChanges logs every change of a flag, whoever makes it, until ctx ends.
func logChanges(ctx context.Context, features *flipper.FeatureFlagClient, logger *slog.Logger) {
	for change, err := range features.Changes(ctx) {
		switch {
		case errors.Is(err, flipper.ErrChangesResumed):
			logger.Info("changes of flags are seen again")
			continue
		case err != nil:
			logger.Warn("changes of flags cannot be seen", "error", err)
			continue
		}
		logger.Info("flag was changed", slog.Any("", change)) // without a name, its parts are the record's
	}
}
