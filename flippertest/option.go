// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flippertest

import (
	"encoding/json"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/rules"
)

// An Option changes what [New] makes. Of two that are about the same flag, the
// later counts.
type Option func(*settings)

type settings struct {
	flags  []flagSetting
	strict bool
	client []flipper.Option
}

type flagSetting struct {
	name string
	opts []flipper.CreateOption
	err  error // why there can be no such flag
}

// Named is what names a flag: its name, or its declaration. The client of the test
// does not learn the declared default from it. If that of the program knows it, add
// [flipper.WithDeclarations] with [WithClientOptions].
type Named interface {
	string | *flipper.Declaration
}

// nameOf returns a flag's name. That of a nil declaration is empty, which [New]
// refuses.
func nameOf[N Named](flag N) string {
	switch flag := any(flag).(type) {
	case string:
		return flag
	case *flipper.Declaration:
		if flag != nil {
			return flag.Name()
		}
	}
	return ""
}

// On makes flags that are on for everyone:
//
//	flippertest.On("NEW_UI", "NEW_SEARCH")
//	flippertest.On(flags.NewUI, flags.NewSearch)
func On[N Named](flags ...N) Option { return switched(flags, true) }

// Off makes flags that are off for everyone.
func Off[N Named](flags ...N) Option { return switched(flags, false) }

func switched[N Named](flags []N, on bool) Option {
	return func(s *settings) {
		for _, flag := range flags {
			Flag(flag, flipper.WithEnabled(on))(s)
		}
	}
}

// Flag makes a flag with conditions, a bucketer or client data. It is enabled unless
// an option says otherwise.
func Flag[N Named](flag N, opts ...flipper.CreateOption) Option {
	opts = append([]flipper.CreateOption{flipper.WithEnabled(true)}, opts...)
	return func(s *settings) { s.flags = append(s.flags, flagSetting{name: nameOf(flag), opts: opts}) }
}

// Serve makes the flag of a declaration serve a value to everyone:
//
//	flippertest.Serve(flags.Theme, "dark")
//
// For a flag that serves several, see [Flag] and [flipper.WithRules].
func Serve[T any](flag *flipper.ValueDeclaration[T], value T) Option {
	if flag == nil {
		return Value("", value)
	}
	return Value(flag.Name(), value)
}

// Value is [Serve] by name. The value is a [targeting.Value], or anything that
// encoding/json encodes; one that it cannot encode fails the test.
//
//	flippertest.Value("theme", "dark")
func Value(name string, value any) Option {
	opts, err := serving(value)
	return func(s *settings) { s.flags = append(s.flags, flagSetting{name, opts, err}) }
}

// serving returns how a flag is created that serves a value to everyone.
func serving(value any) ([]flipper.CreateOption, error) {
	if on, ok := value.(bool); ok {
		return []flipper.CreateOption{flipper.WithEnabled(on)}, nil
	}
	v, ok := value.(targeting.Value)
	if !ok {
		text, err := json.Marshal(value)
		if err != nil {
			return nil, err
		}
		if v, err = targeting.ParseJSON(targeting.JSON(text)); err != nil {
			return nil, err
		}
	}
	return []flipper.CreateOption{flipper.WithEnabled(true), flipper.WithRules(rules.Constant(v))}, nil
}

// WithStrict fails the test when a flag is asked that does not exist, unless the
// test itself has unset it, and names the nearest that does. By default such a flag
// is answered with the default of whoever asks, as in production.
func WithStrict() Option { return func(s *settings) { s.strict = true } }

// WithClientOptions adds options of the flag client, such as
// [flipper.WithErrorHandler]. By default there are those that the flippertest client
// needs.
func WithClientOptions(opts ...flipper.Option) Option {
	return func(s *settings) { s.client = append(s.client, opts...) }
}
