// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package store_test

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flipper-go/flipper/internal/vectors"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/carta"
)

type itemCase struct {
	ID, Kind, Note string

	// write
	FeatureName json.RawMessage `json:"feature_name"`
	IsEnabled   json.RawMessage `json:"is_enabled"`
	CreatedDate int64           `json:"created_date"`
	ClientData  json.RawMessage `json:"client_data"`
	Conditions  []json.RawMessage
	Bucketer    json.RawMessage
	Serialized  string

	// read
	Raw       string
	RawHex    string `json:"raw_hex"`
	NowMicros int64  `json:"now_us"`
	Accepted  bool
	Rewritten string
	Enabled   json.RawMessage `json:"enabled_without_attributes"`

	ByteExact bool `json:"byte_exact"`
}

func TestVectorsItems(t *testing.T) {
	for _, c := range vectors.Cases[itemCase](t, "items.json") {
		switch c.Kind {
		case "write":
			c.checkWrite(t)
		case "read":
			c.checkRead(t)
		default:
			t.Errorf("%s: unknown kind %q", c.ID, c.Kind)
		}
	}
}

func (c itemCase) checkWrite(t *testing.T) {
	name := vectors.Value(t, c.FeatureName).Any().(string)
	f := &store.Flag{
		Name:    name,
		Enabled: string(c.IsEnabled) != "false",
		Created: time.Unix(c.CreatedDate, 0),
	}
	if v := vectors.Value(t, c.ClientData); v.Kind() != targeting.KindNull {
		f.ClientData = targeting.JSON(v.String())
	}
	for _, condition := range c.Conditions {
		var checks []carta.Check
		for _, m := range vectors.Value(t, condition).Members() {
			variable, operator, err := carta.ParseCheckKey(m.Key)
			if err != nil {
				t.Fatalf("%s: %v", c.ID, err)
			}
			checks = append(checks, carta.NewCheck(variable, operator, m.Value))
		}
		// What Python writes may be what we refuse to make anew, such as a check
		// that a list is equal, so it goes by way of the stored form.
		parsed, err := carta.ParseCondition(targeting.JSON(carta.NewCondition(checks...).AppendCanonical(nil)))
		if err != nil {
			t.Fatalf("%s: %v", c.ID, err)
		}
		f.Conditions = append(f.Conditions, parsed)
	}
	if c.Bucketer != nil {
		var err error
		if f.Bucketer, err = carta.ParseBucketer(targeting.JSON(vectors.Value(t, c.Bucketer).String()), time.Unix(c.CreatedDate, 0)); err != nil {
			t.Fatalf("%s: %v", c.ID, err)
		}
	}
	if v := vectors.Value(t, c.IsEnabled); v.Kind() != targeting.KindBool {
		// Python stores whatever it is given. We never write such a switch
		// anew, but keep one that is there.
		stored, err := store.Decode(name, []byte(c.Serialized))
		if err != nil {
			t.Errorf("%s: %v", c.ID, err)
			return
		}
		stored.ClientData, stored.Conditions, stored.Bucketer = f.ClientData, f.Conditions, f.Bucketer
		f = stored
	}
	text, err := store.Encode(f)
	if err != nil {
		t.Errorf("%s: %v", c.ID, err)
		return
	}
	item, err := store.Decode(name, text)
	if err != nil {
		t.Errorf("%s: what we write is unreadable: %v", c.ID, err)
		return
	}
	c.compare(t, "canonical form", canonicalItem(t, item, targeting.JSON(text)), c.Serialized)
	if c.Bucketer == nil || string(f.Bucketer.JSON()) == string(f.Bucketer.AppendCanonical(nil)) {
		c.compare(t, "stored form", string(text), c.Serialized)
	}
}

func (c itemCase) checkRead(t *testing.T) {
	raw := []byte(c.Raw)
	if c.RawHex != "" {
		var err error
		if raw, err = hex.DecodeString(c.RawHex); err != nil {
			t.Fatal(err)
		}
	}
	const name = "the name in the key"
	f, err := decodeAt(t, time.UnixMicro(c.NowMicros), name, raw)
	if !c.Accepted {
		if !errors.Is(err, store.ErrUnreadable) {
			t.Errorf("%s (%s): accepted, want unreadable (%v)\n%s", c.ID, c.Note, err, raw)
		}
		return
	}
	if err != nil {
		t.Errorf("%s (%s): %v\n%s", c.ID, c.Note, err, raw)
		return
	}
	c.compare(t, "canonical form", canonicalItem(t, f, targeting.JSON(raw)), c.Rewritten)

	if c.Enabled != nil && string(c.Enabled) != "null" {
		d, err := f.Evaluate(&targeting.Request{Time: time.UnixMicro(c.NowMicros)}, nil)
		got := strconv.FormatBool(d.Enabled)
		if err != nil {
			got = `"error"`
		}
		if got != string(c.Enabled) {
			t.Errorf("%s (%s): enabled %s, want %s (%v)", c.ID, c.Note, got, c.Enabled, err)
		}
	}

	// A rewrite of ours keeps everything but the name.
	text, err := store.Encode(f)
	if err != nil {
		t.Errorf("%s (%s): rewrite: %v", c.ID, c.Note, err)
		return
	}
	before, after := fields(t, targeting.JSON(raw)), fields(t, targeting.JSON(text))
	for path, value := range before {
		if path != "feature_name" && after[path] != value && !(path == "meta.client_data" && after[path] == "{}") {
			// Fields that Python reads as if they were absent may be filled in.
			if path == "meta.bucketer" && value == "null" || path == "meta.conditions" && (value == `""` || value == "{}") {
				continue
			}
			t.Errorf("%s (%s): rewrite changes %s from %s to %s", c.ID, c.Note, path, value, after[path])
		}
	}
}

// decodeAt decodes with the clock at a time: a ramp without start begins when it
// is read.
func decodeAt(t *testing.T, now time.Time, name string, raw []byte) (f *store.Flag, err error) {
	f, err = store.Decode(name, raw)
	if err == nil && regexp.MustCompile(`LinearRamp`).Match(raw) {
		// Decode takes the time of reading from the clock, which tests of it
		// cannot stop at any time; the bucketer can be read as of any time.
		meta := fields(t, targeting.JSON(raw))
		f = f.Clone()
		f.Bucketer, err = carta.ParseBucketer(meta["meta.bucketer"], now)
	}
	return f, err
}

// fields returns the texts of the item's fields and of its meta's.
func fields(t *testing.T, text targeting.JSON) map[string]targeting.JSON {
	t.Helper()
	all := map[string]targeting.JSON{}
	top, err := targeting.SplitObject(text)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range top {
		if f.Name != "meta" {
			all[f.Name] = f.Value
			continue
		}
		meta, err := targeting.SplitObject(f.Value)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range meta {
			all["meta."+f.Name] = f.Value
		}
	}
	return all
}

// canonicalItem returns the item as Python writes it: the name and switch as they
// were stored, and the meta.
func canonicalItem(t *testing.T, f *store.Flag, raw targeting.JSON) string {
	t.Helper()
	all := fields(t, raw)
	canonical := func(text targeting.JSON) string {
		v, err := targeting.ParseJSON(text)
		if err != nil {
			t.Fatal(err)
		}
		return v.String()
	}
	return fmt.Sprintf(`{"feature_name": %s, "is_enabled": %s, "meta": %s}`,
		canonical(all["feature_name"]), canonical(all["is_enabled"]), f.Meta())
}

var whitelist = regexp.MustCompile(`("key_whitelist": )(\[[^\]]*\])`)

func (c itemCase) compare(t *testing.T, what, got, want string) {
	t.Helper()
	if !c.ByteExact { // but for the order of the whitelist
		got, want = sortWhitelist(t, got), sortWhitelist(t, want)
	}
	if got != want {
		t.Errorf("%s (%s): %s\n got %s\nwant %s", c.ID, c.Note, what, got, want)
	}
}

func sortWhitelist(t *testing.T, item string) string {
	return whitelist.ReplaceAllStringFunc(item, func(match string) string {
		parts := whitelist.FindStringSubmatch(match)
		v, err := targeting.ParseJSON(targeting.JSON(parts[2]))
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, name := range v.Elements() {
			names = append(names, name.String())
		}
		slices.Sort(names)
		return parts[1] + fmt.Sprint(names)
	})
}

func TestVectorsEvaluate(t *testing.T) {
	type evaluateCase struct {
		ID              string
		Item            string
		Attributes      json.RawMessage
		NowMicros       int64 `json:"now_us"`
		Result          json.RawMessage
		OrderDependent  bool `json:"order_dependent"`
		NeedsKeyOrder   bool `json:"needs_key_order"`
		PossibleResults []json.RawMessage
	}
	special := 0
	for _, c := range vectors.Cases[evaluateCase](t, "evaluate.json") {
		f, err := decodeAt(t, time.UnixMicro(c.NowMicros), "name", []byte(c.Item))
		if err != nil {
			if string(c.Result) != `"error"` {
				t.Errorf("%s: %v", c.ID, err)
			}
			continue
		}
		if c.OrderDependent || c.NeedsKeyOrder {
			special++
		}
		d, err := f.Evaluate(&targeting.Request{Attrs: vectors.Attrs(t, c.Attributes), Time: time.UnixMicro(c.NowMicros)}, nil)
		got := strconv.FormatBool(d.Enabled)
		if err != nil {
			got = `"error"`
		}
		if got != string(c.Result) {
			t.Errorf("%s: %s, want %s (%v)", c.ID, got, c.Result, err)
		}
	}
	t.Logf("%d cases that depend on the order of attributes or keys, all with the result for the order given", special)
}

func TestDecodeRampBegins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, err := store.Decode("x", []byte(`{"feature_name": "x", "is_enabled": true, "meta": {"created_date": 1, "bucketer":
			{"type": "PercentageBucketer", "percentage": {"type": "LinearRampPercentage", "ramp_duration": 100}}}}`))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(25 * time.Second)
		if p, err := f.Bucketer.Percentage().Value(time.Now()); err != nil || !p.Equal(targeting.Float(0.25)) {
			t.Errorf("a quarter into the ramp: %s, %v", p, err)
		}
	})
}
