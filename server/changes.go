// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/flipper-go/flipper/internal/words"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/thrift"
)

// maxSubject bounds what is logged of a certificate's subject, in characters.
const maxSubject = 256

// logChanges returns the option that logs each change that a client makes, unless
// the log leaves such lines out.
func (c *config) logChanges(ctx context.Context) thrift.ServiceOption {
	if !c.logger.Enabled(ctx, slog.LevelInfo) {
		return func(*thrift.Service) {}
	}
	return thrift.WithChangeHandler(func(change thrift.Change) {
		if text := changeInWords(change, time.Now()); text != "" {
			c.logger.LogAttrs(ctx, slog.LevelInfo, "flag changed", changeAttrs(change, text)...)
		}
	})
}

// changeInWords says in one line what changed, or returns "" if nothing did.
func changeInWords(c thrift.Change, now time.Time) string {
	switch {
	case c.Unknown && c.After == nil:
		return "deleted; it is not known what it was"
	case c.Unknown:
		return "replaced, now " + words.State(c.After, now) + "; it is not known what it was"
	case c.Before != nil && c.After != nil && sameContent(c.Before, c.After):
		return ""
	}
	return strings.Join(words.Difference(c.Before, c.After), "; ")
}

// sameContent reports whether the stored forms of two flags differ in nothing but
// spaces, which clients of other languages write otherwise.
func sameContent(a, b *store.Flag) bool {
	content := func(f *store.Flag) (string, error) {
		text, err := store.Encode(f)
		if err != nil {
			return "", err
		}
		v, err := targeting.ParseJSON(targeting.JSON(text))
		return v.String(), err
	}
	textA, errA := content(a)
	textB, errB := content(b)
	return errA == nil && errB == nil && textA == textB
}

func changeAttrs(c thrift.Change, text string) []slog.Attr {
	attrs := []slog.Attr{slog.String("feature_name", c.Name), slog.String("change", text), slog.String("method", c.Method)}
	if c.Remote != nil {
		attrs = append(attrs, slog.String("remote", c.Remote.String()))
	}
	if c.Certificate != nil {
		attrs = append(attrs, slog.String("certificate", words.Cut(c.Certificate.Subject.String(), maxSubject)))
	}
	return attrs
}
