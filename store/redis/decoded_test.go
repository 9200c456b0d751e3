// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package redis

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/flipper-go/flipper/store"
)

// ramping is the stored form of a flag whose ramp begins at start.
func ramping(start string) string {
	return `{"feature_name": "RAMP", "is_enabled": true, "meta": {"client_data": {}, "created_date": 1700000000, "conditions": [], "bucketer": {"type": "PercentageBucketer", "percentage": {"type": "LinearRampPercentage", "initial_value": 0.0, "final_value": 1.0, "ramp_duration": 3600, "initial_time": ` + start + `}}}}`
}

func TestRemembersDecodedFlags(t *testing.T) {
	for what, c := range map[string]struct {
		text       string
		remembered bool
	}{
		"Plain":       {item("FLAG", true, 1), true},
		"Ramp":        {ramping("1700000000"), true},
		"RampNoStart": {ramping("null"), false}, // it begins when it is read
		"TooLarge":    {item("FLAG", true, 1) + strings.Repeat(" ", maxDecodedSize), false},
		"NotReadable": {"{", false},
		"NotThere":    {"", false},
	} {
		t.Run(what, func(t *testing.T) {
			var d decodedFlags
			want, wantErr := value{text: c.text}.flag("FLAG")
			first, err := d.flag("FLAG", value{text: c.text})
			if fmt.Sprint(err) != fmt.Sprint(wantErr) {
				t.Fatalf("%v, want %v", err, wantErr)
			}
			second, _ := d.flag("FLAG", value{text: c.text})
			if remembered := first != nil && first == second; remembered != c.remembered {
				t.Errorf("remembered: %t", remembered)
			}
			if err == nil && (second.Revision != want.Revision || second.Name != want.Name || second.Enabled != want.Enabled) {
				t.Errorf("got %+v, want %+v", second, want)
			}
		})
	}
}

func TestNoticesOtherForms(t *testing.T) {
	var d decodedFlags
	for i := range 3 {
		f, err := d.flag("FLAG", value{text: item("FLAG", true, i)})
		if want := fmt.Sprintf(`{"n": %d}`, i); err != nil || string(f.ClientData) != want {
			t.Errorf("got %s, %v, want %s", f.ClientData, err, want)
		}
	}
	if _, err := d.flag("FLAG", value{otherType: true}); !errors.Is(err, store.ErrUnreadable) {
		t.Errorf("another type: %v", err)
	}
	if _, err := d.flag("FLAG", value{}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("deleted: %v", err)
	}
}

func TestRemembersNoMoreThanAllowed(t *testing.T) {
	var d decodedFlags
	for i := range 2 * maxDecoded {
		name := fmt.Sprint("FLAG", i)
		if _, err := d.flag(name, value{text: item(name, true, i)}); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(d.byName); n != maxDecoded {
		t.Errorf("%d flags are remembered", n)
	}
}
