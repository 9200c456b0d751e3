// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package words

import (
	"fmt"

	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting"
)

// maxPhrases is how many phrases there are at most on one part of a flag.
const maxPhrases = 20

// atMost cuts a list of phrases, and says how many more there are of what.
func atMost(phrases []string, what string) []string {
	if len(phrases) <= maxPhrases {
		return phrases
	}
	more := len(phrases) - maxPhrases + 1
	return append(phrases[:maxPhrases-1:maxPhrases-1], fmt.Sprintf("%d more %s", more, what))
}

// newClientData says what client data a new flag has.
func newClientData(text targeting.JSON) []string {
	data, err := store.ParseClientData(text)
	if err != nil || data.Kind() != targeting.KindObject {
		return clientDataDifference("", text)
	}
	var all []string
	for _, m := range data.Members() {
		if m.Key == store.RulesKey {
			continue
		}
		all = append(all, keyPhrase(m.Key, " is "+style{short: true}.value(m.Value)))
	}
	return atMost(all, "keys of client data")
}

// clientDataDifference says which keys of client data changed.
func clientDataDifference(before, after targeting.JSON) []string {
	if before == after {
		return nil
	}
	was, errWas := store.ParseClientData(before)
	is, errIs := store.ParseClientData(after)
	if errWas != nil || errIs != nil {
		return []string{"client data: changed (it cannot be shown)"}
	}
	short := style{short: true}
	if was.Kind() != targeting.KindObject || is.Kind() != targeting.KindObject {
		if was.String() == is.String() {
			return nil
		}
		return []string{"client data: is now " + short.value(is) + ", was " + short.value(was)}
	}
	// Rules have words of their own, unless one of the texts is no object.
	old := map[string]targeting.Value{}
	for _, m := range was.Members() {
		old[m.Key] = m.Value
	}
	var all []string
	for _, m := range is.Members() {
		if m.Key == store.RulesKey {
			continue
		}
		value, there := old[m.Key]
		delete(old, m.Key)
		switch {
		case there && value.String() == m.Value.String():
		case there:
			all = append(all, keyPhrase(m.Key, " is now "+short.value(m.Value)+", was "+short.value(value)))
		default:
			all = append(all, keyPhrase(m.Key, " is now "+short.value(m.Value)))
		}
	}
	for _, m := range was.Members() {
		if m.Key == store.RulesKey {
			continue
		}
		if value, there := old[m.Key]; there {
			all = append(all, keyPhrase(m.Key, " removed, was "+short.value(value)))
		}
	}
	return atMost(all, "keys of client data changed")
}

func keyPhrase(key, says string) string {
	return Cut("client data: "+Cut(Name(key), maxValue)+says, maxPhrase)
}
