// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"time"

	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting"
)

// A Difference is one part of a flag that a change changes, with its values in
// JSON, but for the time of creation. Before is empty if the flag is created,
// After if it is deleted.
type Difference struct {
	Part          string
	Before, After string
}

// Differences gives what a change changes. For an update that changes only what
// this module does not know, or white space, that is the stored form.
func (c Change) Differences() []Difference {
	var differences []Difference
	before, after := parts(c.Before), parts(c.After)
	for i := range before {
		if before[i].text != after[i].text {
			differences = append(differences, Difference{before[i].name, before[i].text, after[i].text})
		}
	}
	if len(differences) == 0 && c.Before != nil && c.After != nil {
		differences = append(differences, Difference{"stored form", storedForm(c.Before), storedForm(c.After)})
	}
	return differences
}

type part struct{ name, text string }

// parts gives the texts of a flag's parts, always the same ones, empty for none.
func parts(f *store.Flag) []part {
	names := []string{"enabled", "created", "client data", "conditions", "bucketer"}
	texts := make([]string, len(names))
	if f != nil {
		meta, _ := targeting.SplitObject(f.Meta())
		texts[0] = targeting.Bool(f.Enabled).String()
		texts[1] = f.Created.Format(time.RFC3339)
		texts[2] = string(targeting.GetField(meta, "client_data"))
		texts[3] = string(targeting.GetField(meta, "conditions"))
		texts[4] = string(targeting.GetField(meta, "bucketer"))
	}
	all := make([]part, len(names))
	for i := range names {
		all[i] = part{names[i], texts[i]}
	}
	return all
}

func storedForm(f *store.Flag) string {
	text, err := store.Encode(f)
	if err != nil {
		return ""
	}
	return string(text)
}
