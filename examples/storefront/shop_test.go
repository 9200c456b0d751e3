// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/open-feature/go-sdk/openfeature/isolated"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/flippertest"
	flipperopenfeature "github.com/flipper-go/flipper/openfeature"
	"github.com/flipper-go/flipper/targeting/carta"
)

// testShop returns a shop that asks the flags of a test.
func testShop(t *testing.T, features *flippertest.Client) http.Handler {
	t.Helper()
	api := isolated.NewAPI()
	t.Cleanup(func() {
		if err := api.Shutdown(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	if err := api.SetProviderAndWait(t.Context(), flipperopenfeature.NewProvider(features.FeatureFlagClient)); err != nil {
		t.Fatal(err)
	}
	return whoAsks(newShop(features.FeatureFlagClient, api.NewClient()))
}

// do makes a request, as somebody with a plan, or with none, and returns the answer.
func do(t *testing.T, shop http.Handler, method, path, plan string) (status int, body string) {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), method, path, nil)
	if plan != "" {
		request.Header.Set("X-Plan", plan)
	}
	request.AddCookie(&http.Cookie{Name: "user_id", Value: "42"})
	response := httptest.NewRecorder()
	shop.ServeHTTP(response, request)
	return response.Code, response.Body.String()
}

// The front page works in both designs, whatever else is on it.
func TestHome(t *testing.T) {
	names := []string{Flags.NewHome.Name(), Flags.FreeShipping.Name(), Flags.Reviews.Name()}
	flippertest.Combinations(t, names, func(t *testing.T, features *flippertest.Client) {
		t.Parallel()
		status, body := do(t, testShop(t, features), http.MethodGet, "/", "")
		if status != http.StatusOK {
			t.Errorf("status %d", status)
		}
		features.WantAsked(t, names...)
		for text, flag := range map[string]*flipper.Declaration{
			"Everything, beautifully arranged": Flags.NewHome,
			"We ship for free.":                Flags.FreeShipping,
			"Simply the best.":                 Flags.Reviews,
		} {
			if want := flag.IsEnabled(t.Context(), features.FeatureFlagClient); strings.Contains(body, text) != want {
				t.Errorf("%s is %t, and the page says:\n%s", flag.Name(), want, body)
			}
		}
	}, flippertest.WithStrict())
}

// What OpenFeature answers is what the page shows.
func TestReviews(t *testing.T) {
	flippertest.Both(t, Flags.Reviews.Name(), func(t *testing.T, features *flippertest.Client) {
		t.Parallel()
		shop := testShop(t, features)
		status, _ := do(t, shop, http.MethodGet, "/api/reviews", "")
		_, page := do(t, shop, http.MethodGet, "/", "")
		if onPage := strings.Contains(page, "Simply the best."); onPage != (status == http.StatusOK) {
			t.Errorf("the API answers %d, and the page is:\n%s", status, page)
		}
		features.WantAskedWith(t, Flags.Reviews.Name(), flipper.String("plan", "free"), flipper.Int("user_id", 42))
	})
}

// Gift cards are for those who pay.
func TestGiftCards(t *testing.T) {
	t.Parallel()
	features := flippertest.New(t, flippertest.Flag(Flags.GiftCards.Name(),
		flipper.WithConditions(carta.NewCondition(carta.Equal("plan", "pro")))))
	shop := testShop(t, features)
	for plan, want := range map[string]int{"pro": http.StatusOK, "free": http.StatusNotFound, "": http.StatusNotFound} {
		if status, _ := do(t, shop, http.MethodGet, "/gift-cards", plan); status != want {
			t.Errorf("with the plan %q: status %d, want %d", plan, status, want)
		}
	}
	features.WantAskedWith(t, Flags.GiftCards.Name(), flipper.String("plan", "pro"))
	features.WantAskedWith(t, Flags.GiftCards.Name(), flipper.String("plan", "free"))
}

// Orders are refused only when somebody has switched them off.
func TestOrders(t *testing.T) {
	t.Parallel()
	features := flippertest.New(t)
	shop := testShop(t, features)
	order := func() int { status, _ := do(t, shop, http.MethodPost, "/orders", ""); return status }
	if got := order(); got != http.StatusOK {
		t.Errorf("status %d without the flag", got)
	}
	features.Set(Flags.Orders.Name(), false)
	if got := order(); got != http.StatusServiceUnavailable {
		t.Errorf("status %d when switched off", got)
	}
	features.WantAsked(t, Flags.Orders.Name())
}

// A shop without flags is the shop as it was before them.
func TestStoreFails(t *testing.T) {
	t.Parallel()
	features := flippertest.New(t, flippertest.On(Flags.NewHome, Flags.Reviews))
	shop := testShop(t, features)
	features.Store().Fail(nil)
	for _, want := range []struct {
		method, path string
		status       int
		body         string
	}{
		{http.MethodGet, "/", http.StatusOK, "Welcome to the shop"},
		{http.MethodPost, "/orders", http.StatusOK, "Thank you"},
		{http.MethodGet, "/gift-cards", http.StatusNotFound, ""},
		{http.MethodGet, "/api/reviews", http.StatusNotFound, ""},
		{http.MethodGet, "/api/flags", http.StatusServiceUnavailable, "flags cannot be had"},
	} {
		status, body := do(t, shop, want.method, want.path, "")
		if status != want.status || !strings.Contains(body, want.body) {
			t.Errorf("%s %s: status %d, %s", want.method, want.path, status, body)
		}
	}
	features.Store().Recover()
	if _, body := do(t, shop, http.MethodGet, "/", ""); !strings.Contains(body, "beautifully") {
		t.Errorf("after the failure: %s", body)
	}
}

// The API tells of our flags, and of no other program's.
func TestFlagsOf(t *testing.T) {
	t.Parallel()
	features := flippertest.New(t, flippertest.On(Flags.Orders), flippertest.Off(Flags.NewHome), flippertest.On("billing.secret"))
	_, body := do(t, testShop(t, features), http.MethodGet, "/api/flags", "")
	if want := `{"new_home":false,"orders":true}` + "\n"; body != want {
		t.Errorf("got %s, want %s", body, want)
	}
}
