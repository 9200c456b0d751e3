// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flippertest_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/flippertest"
	"github.com/flipper-go/flipper/targeting/carta"
)

// A shop is code under test, as that of docs/testing.md is.
type shop struct{ features *flipper.FeatureFlagClient }

// NewShop returns a page that depends on flags.
func NewShop(features *flipper.FeatureFlagClient) http.Handler { return shop{features} }

func (s shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.features.IsEnabled(r.Context(), "NEW_CHECKOUT", flipper.String("country", r.URL.Query().Get("country"))) {
		io.WriteString(w, "new checkout")
		return
	}
	io.WriteString(w, "old checkout")
}

// get returns what a page says.
func get(t *testing.T, page http.Handler, target string) string {
	t.Helper()
	w := httptest.NewRecorder()
	page.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, nil))
	return w.Body.String()
}

func TestCheckout(t *testing.T) {
	t.Parallel()
	features := flippertest.New(t, flippertest.On("NEW_CHECKOUT"))
	page := NewShop(features.FeatureFlagClient)
	if got := get(t, page, "/?country=CH"); got != "new checkout" {
		t.Errorf("the page says %q", got)
	}
}

func TestOnlyInSwitzerland(t *testing.T) {
	features := flippertest.New(t, flippertest.Flag("NEW_CHECKOUT",
		flipper.WithConditions(carta.NewCondition(carta.Equal("country", "CH"))),
	))
	page := NewShop(features.FeatureFlagClient)
	if got := get(t, page, "/?country=FR"); got != "old checkout" {
		t.Errorf("the page says %q", got)
	}
	features.WantAsked(t, "NEW_CHECKOUT")
	features.WantAskedWith(t, "NEW_CHECKOUT", flipper.String("country", "FR"))
}

func TestSwitchedOff(t *testing.T) {
	features := flippertest.New(t, flippertest.WithStrict(), flippertest.On("NEW_CHECKOUT"))
	page := NewShop(features.FeatureFlagClient)
	t.Run("incident", func(t *testing.T) {
		features.SetFor(t, "NEW_CHECKOUT", false)
		if got := get(t, page, "/"); got != "old checkout" {
			t.Errorf("the page says %q", got)
		}
	})
	if got := get(t, page, "/"); got != "new checkout" {
		t.Errorf("the page says %q", got)
	}
}

func TestPrices(t *testing.T) {
	flippertest.Both(t, "NEW_CHECKOUT", func(t *testing.T, features *flippertest.Client) {
		t.Parallel()
		page := NewShop(features.FeatureFlagClient)
		if got := get(t, page, "/"); !strings.HasSuffix(got, " checkout") {
			t.Errorf("the page says %q", got)
		}
	})
}

func TestWithoutFlags(t *testing.T) {
	features := flippertest.New(t, flippertest.On("NEW_CHECKOUT"))
	page := NewShop(features.FeatureFlagClient)

	features.Store().Fail(nil)
	if got := get(t, page, "/"); got != "old checkout" {
		t.Errorf("the page says %q", got)
	}
	features.Store().GoStale(time.Hour)
	if e := features.Evaluate(t.Context(), "NEW_CHECKOUT"); e.Reason != flipper.ReasonStale {
		t.Errorf("%+v, want a stale answer", e)
	}
	features.Store().Recover()
	if got := get(t, page, "/"); got != "new checkout" {
		t.Errorf("the page says %q", got)
	}
}

func TestSlowFlags(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		features := flippertest.New(t, flippertest.On("NEW_CHECKOUT"))
		page := NewShop(features.FeatureFlagClient)
		features.Store().Stall()
		began := time.Now()
		if got := get(t, page, "/"); got != "old checkout" {
			t.Errorf("the page says %q", got)
		}
		if took := time.Since(began); took != flipper.DefaultTimeout {
			t.Errorf("the page took %v", took)
		}
	})
}

func TestRollout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		features := flippertest.New(t, flippertest.Flag("NEW_CHECKOUT", flipper.WithBucketer(
			carta.NewConsistentHashBucketer(carta.LinearRamp(0, 1, time.Now(), 10*time.Hour), "user_id"),
		)))
		isOn := func() bool { return features.IsEnabled(t.Context(), "NEW_CHECKOUT", flipper.Int("user_id", 42)) }
		if isOn() {
			t.Error("on at the start")
		}
		time.Sleep(10 * time.Hour) // no time at all, in the bubble
		if !isOn() {
			t.Error("off at the end")
		}
	})
}
