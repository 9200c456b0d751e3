// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package thrift

import (
	"crypto/rand"
	"slices"
	"strconv"
	"strings"
)

// maxLogged is how many changes a changeLog remembers. Who is further behind
// reads everything.
const maxLogged = 4096

// A changeLog is the latest changes in order, so that each long poll can go on
// where the one before it ended. A position in it is the number of changes
// before it, and means something to this log alone.
type changeLog struct {
	epoch string   // tells this log from those of other processes
	first uint64   // the position before names[0]
	names []string // what changed, in order
}

func newChangeLog() *changeLog {
	return &changeLog{epoch: rand.Text()}
}

func (l *changeLog) add(names []string) {
	l.names = append(l.names, names...)
	if over := len(l.names) - maxLogged; over > 0 {
		l.names = slices.Delete(l.names, 0, over)
		l.first += uint64(over)
	}
}

// addAll makes all positions until now too old.
func (l *changeLog) addAll() {
	l.first += uint64(len(l.names)) + 1
	l.names = nil
}

func (l *changeLog) end() string {
	return l.epoch + "." + strconv.FormatUint(l.first+uint64(len(l.names)), 10)
}

// since returns what changed after a position, sorted and without duplicates, or
// all if the log cannot tell.
func (l *changeLog) since(position string) (names []string, all bool) {
	epoch, number, found := strings.Cut(position, ".")
	at, err := strconv.ParseUint(number, 10, 64)
	if !found || err != nil || epoch != l.epoch || at < l.first || at > l.first+uint64(len(l.names)) {
		return nil, true
	}
	names = slices.Clone(l.names[at-l.first:])
	slices.Sort(names)
	return slices.Compact(names), false
}
