// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package redis

import (
	"context"
	"errors"

	"github.com/redis/go-redis/v9"
)

// A write replaces a flag, or deletes it.
type write struct {
	key  string
	any  bool   // whatever is there, if anything is
	over string // otherwise, the revision to be replaced; empty if nothing is to be there
	text string // the new stored form; empty to delete
}

func (w write) matches(current value) bool {
	switch {
	case w.any:
		return !current.missing()
	case current.otherType:
		return false
	case current.missing():
		return w.over == ""
	}
	return w.over == revision(current.text)
}

// writeScript makes a write. Its arguments are those of the write, in order, and
// it answers 1 if it wrote. It mirrors write.matches.
const writeScript = `
local current = redis.pcall('GET', KEYS[1])
local revision = ''
if type(current) == 'table' then
	if not string.find(current.err, 'WRONGTYPE', 1, true) then
		return current
	end
	revision = false
elseif current and current ~= '' then
	revision = redis.sha1hex(current)
end
if ARGV[1] == '1' then
	if revision == '' then
		return 0
	end
elseif revision ~= ARGV[2] then
	return 0
end
if ARGV[3] == '' then
	redis.call('DEL', KEYS[1])
else
	redis.call('SET', KEYS[1], ARGV[3])
end
return 1
`

var writeHash = revision(writeScript)

// write makes a write, and reports whether it did. The server is sent the change
// once, see once.
func (s *Store) write(ctx context.Context, w write) (done bool, err error) {
	return ask(ctx, s, func(ctx context.Context) (bool, error) {
		if !s.noScripts.Load() {
			done, err := s.runScript(ctx, w)
			if !redis.HasErrorPrefix(err, "NOPERM") {
				return done, err
			}
		}
		done, err := s.transact(ctx, w)
		if err == nil {
			s.noScripts.Store(true)
		}
		return done, err
	})
}

func (s *Store) runScript(ctx context.Context, w write) (done bool, err error) {
	cmd := redis.NewCmd(ctx, "evalsha", writeHash, 1, w.key, w.any, w.over, w.text)
	err = s.client.Process(ctx, once{cmd})
	if redis.HasErrorPrefix(err, "NOSCRIPT") { // nothing ran
		cmd = redis.NewCmd(ctx, "eval", writeScript, 1, w.key, w.any, w.over, w.text)
		err = s.client.Process(ctx, once{cmd})
	}
	if err != nil {
		return false, err
	}
	return cmd.Bool()
}

// transact makes a write without a script.
func (s *Store) transact(ctx context.Context, w write) (done bool, err error) {
	var sent error
	transaction := func(tx *redis.Tx) error {
		if sent != nil { // the client tries again, but the change may be made
			return sent
		}
		current, err := valueOf(tx.Get(ctx, w.key))
		if err != nil {
			return err
		}
		if done = w.matches(current); !done {
			return nil
		}
		change := redis.NewCmd(ctx, "set", w.key, w.text)
		if w.text == "" {
			change = redis.NewCmd(ctx, "del", w.key)
		}
		_, err = tx.TxPipelined(ctx, func(p redis.Pipeliner) error { return p.Process(ctx, once{change}) })
		if !errors.Is(err, redis.TxFailedErr) {
			sent = err
		}
		return err
	}
	for {
		err = s.client.Watch(ctx, transaction, w.key)
		if !errors.Is(err, redis.TxFailedErr) || s.check(ctx) != nil {
			return done && err == nil, err
		}
		// Somebody changed the key in between: what is there now?
	}
}

// once is a command that the client does not send again when its reply is lost.
// Sent again, a write that was done would find its own outcome and take it for
// somebody else's: a success would look like a conflict.
type once struct{ *redis.Cmd }

// NoRetry is what the client asks.
func (once) NoRetry() bool { return true }

// Clone is what the client asks when it sends a command to several servers.
func (c once) Clone() redis.Cmder { return once{c.Cmd.Clone().(*redis.Cmd)} }
