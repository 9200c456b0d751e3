// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"strings"

	"github.com/open-feature/go-sdk/openfeature"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/middleware"
)

// whoAsks puts who asks into the context of each request, for the guards and all
// other evaluations, and has flags answer the same throughout the request. A real
// shop takes both attributes from its session: these are what the caller says.
var whoAsks = middleware.Attributes(
	freePlan, // unless the next one knows better: a check on what is missing is passed
	middleware.Header("plan", "X-Plan"),
	middleware.AsInt(middleware.Cookie("user_id", "user_id")),
)

func freePlan(*http.Request) (flipper.Attr, bool) { return flipper.String("plan", "free"), true }

// newShop returns the pages and the API. It goes within whoAsks.
func newShop(features *flipper.FeatureFlagClient, client *openfeature.Client) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", middleware.Switch(Flags.NewHome.Flag(features),
		home(features, "Everything, beautifully arranged"), home(features, "Welcome to the shop")))
	mux.Handle("GET /gift-cards", middleware.Require(Flags.GiftCards.Flag(features))(text("Gift cards")))
	mux.Handle("POST /orders", middleware.Require(Flags.Orders.Flag(features),
		middleware.WithFallback(closed()))(text("Thank you for your order")))
	mux.Handle("GET /api/flags", flagsOf(features))
	mux.Handle("GET /api/reviews", reviews(client))
	return mux
}

var page = template.Must(template.New("home").Parse(`<!doctype html>
<title>Shop</title>
<h1>{{.Headline}}</h1>
{{if .FreeShipping}}<p>We ship for free.</p>
{{end}}{{if .Reviews}}<p>“Simply the best.”</p>
{{end}}`))

// home is a page that shows several features: it asks for all of them at once.
func home(features *flipper.FeatureFlagClient, headline string) http.Handler {
	sections := []string{Flags.FreeShipping.Name(), Flags.Reviews.Name()}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answers := features.EvaluateNames(r.Context(), sections)
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Cache-Control", "private") // the page is not the same for all
		_ = page.Execute(w, struct {
			Headline              string
			FreeShipping, Reviews bool
		}{headline, answers[0].Enabled, answers[1].Enabled})
	})
}

// flagsOf tells a browser which of our features are on for who asks.
func flagsOf(features *flipper.FeatureFlagClient) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		all, err := features.EvaluateAll(r.Context())
		if err != nil {
			http.Error(w, "flags cannot be had", http.StatusServiceUnavailable)
			return
		}
		ours := make(map[string]bool)
		for name, e := range all {
			if short, ok := strings.CutPrefix(name, string(namespace)+"."); ok {
				ours[short] = e.Enabled
			}
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "private")
		_ = json.NewEncoder(w).Encode(ours)
	})
}

// reviews is as if from a team that uses OpenFeature. The attributes are those of
// the request's context; an evaluation context may have more.
func reviews(client *openfeature.Client) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !client.Boolean(r.Context(), Flags.Reviews.Name(), Flags.Reviews.Default(), openfeature.EvaluationContext{}) {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "private")
		fmt.Fprintln(w, `["Simply the best."]`)
	})
}

func text(s string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, s) })
}

func closed() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "We take no orders at the moment", http.StatusServiceUnavailable)
	})
}
