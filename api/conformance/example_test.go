// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package conformance_test

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flipper-go/flipper/targeting"
)

// example is the folder of the page for a browser.
var example = filepath.Join("..", "..", "examples", "browser")

// The page in examples/browser shows what flags say, while it is open.
func TestExample(t *testing.T) {
	html, err := os.ReadFile(filepath.Join(example, "index.html"))
	must(t, err)
	body, _, ok := strings.Cut(string(html), "<script")
	if !ok {
		t.Fatal("the page has no script")
	}
	page := newPage(t, body, "example.mjs")
	s := serve(t, setup{origin: page.origin})
	s.create(t, "BUY_COLOUR", mineAndOther(targeting.Text("green"), targeting.Text("navy")))
	page.open("?server=" + url.QueryEscape(s.url))
	page.call(nil, "look", false, "green")
	s.create(t, "PRODUCT_REVIEWS", plain)
	page.call(nil, "look", true, "green")
	page.call(nil, "choose", "u2")
	page.call(nil, "look", true, "navy")
	must(t, s.client.Disable(t.Context(), "PRODUCT_REVIEWS"))
	page.call(nil, "look", false, "navy")
}
