// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipper

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting"
)

// Declared is a flag that a program declares: a [*Declaration], which is on or off, or
// a [*ValueDeclaration], which has a value.
type Declared interface {
	// Name returns the flag's name.
	Name() string
	// Description returns what the flag is for.
	Description() string
	// Owner returns the person or team to ask about the flag.
	Owner() string
	// Expires returns the last day of the flag, at its start in UTC; ok is false if
	// the flag does not expire.
	Expires() (day time.Time, ok bool)

	common() *declaration // nil for a nil declaration
}

// declaration is what all declarations have.
type declaration struct {
	name        string
	description string
	owner       string
	expires     time.Time // zero: never

	enabled   bool            // what EnabledByDefault says
	byDefault targeting.Value // the answer where there is none

	// Of a ValueDeclaration alone:
	err  error                          // why byDefault cannot be stored
	fits func(*targeting.Variant) error // says why the flag cannot be answered with a variant
}

func newDeclaration(name string, opts []DeclareOption) declaration {
	d := declaration{name: name}
	for _, opt := range opts {
		opt(&d)
	}
	d.byDefault = targeting.Bool(d.enabled)
	return d
}

// A Declaration is a flag that a program knows: its name in one place instead of strings
// all over, with its default, owner and expiry. Make it with [Declare], usually as a
// variable of a package. It is immutable and safe for concurrent use. For flags that have
// values, see [ValueDeclaration].
//
//	var NewUI = flipper.Declare("new_ui",
//		flipper.Description("The new user interface"),
//		flipper.Owner("team-web"),
//		flipper.Expires(2027, time.March, 31),
//	)
//
//	if NewUI.IsEnabled(ctx, features) {
//		...
//	}
//
// A declaration does nothing by itself: [FeatureFlagClient.Register] creates the
// declared flags that are missing, and [FeatureFlagClient.Audit] compares the
// declared ones with those that are stored.
type Declaration struct{ declaration }

// A DeclareOption says more about a declared flag.
type DeclareOption func(*declaration)

// Declare declares a flag that is on or off. It neither creates nor checks anything.
func Declare(name string, opts ...DeclareOption) *Declaration {
	return &Declaration{newDeclaration(name, opts)}
}

// EnabledByDefault declares that the flag is on where there is no answer, and that
// [FeatureFlagClient.Register] enables it when it creates it. By default it is off. It
// is for [Declare]; a [ValueDeclaration] has its default as an argument.
func EnabledByDefault() DeclareOption { return func(d *declaration) { d.enabled = true } }

// Description says what the flag is for.
func Description(text string) DeclareOption { return func(d *declaration) { d.description = text } }

// Owner says whom to ask about the flag.
func Owner(owner string) DeclareOption { return func(d *declaration) { d.owner = owner } }

// Expires sets the last day, in UTC, on which the program should still need the flag.
// Nothing happens to the flag then, but [FeatureFlagClient.Audit] reports it from the
// next day on. By default a flag does not expire.
func Expires(year int, month time.Month, day int) DeclareOption {
	return func(d *declaration) { d.expires = time.Date(year, month, day, 0, 0, 0, 0, time.UTC) }
}

// A Namespace is a prefix of names of declared flags, for programs that share a
// store.
//
//	const checkout flipper.Namespace = "checkout"
//
//	var Flags = struct{ OneClick, Wallets *flipper.Declaration }{
//		OneClick: checkout.Declare("one_click"), // the flag checkout.one_click
//		Wallets:  checkout.Declare("wallets"),
//	}
type Namespace string

// Name returns the name that a flag has in the namespace: that of the namespace, a dot,
// and name. The empty namespace adds nothing.
func (n Namespace) Name(name string) string {
	if n == "" {
		return name
	}
	return string(n) + "." + name
}

// Declare is [Declare] of a flag in the namespace: see [Namespace.Name].
func (n Namespace) Declare(name string, opts ...DeclareOption) *Declaration {
	return Declare(n.Name(name), opts...)
}

// Contains reports whether a flag of this name is declared in the namespace, by
// this program or another. The empty namespace contains all names.
func (n Namespace) Contains(name string) bool {
	return n == "" || strings.HasPrefix(name, string(n)+".")
}

// Name returns the flag's name.
func (d *declaration) Name() string { return d.name }

// Description returns what the flag is for.
func (d *declaration) Description() string { return d.description }

// Owner returns whom to ask about the flag.
func (d *declaration) Owner() string { return d.owner }

// Expires returns the last day of the flag, at its start in UTC; ok is false if it
// does not expire.
func (d *declaration) Expires() (day time.Time, ok bool) { return d.expires, !d.expires.IsZero() }

// Default returns whether the flag is on where there is no answer.
func (d *Declaration) Default() bool { return d.enabled }

func (d *Declaration) common() *declaration {
	if d == nil {
		return nil
	}
	return &d.declaration
}

// IsEnabled is [FeatureFlagClient.IsEnabledOr] with the declared default.
func (d *Declaration) IsEnabled(ctx context.Context, c *FeatureFlagClient, attrs ...Attr) bool {
	return c.IsEnabledOr(ctx, d.name, d.enabled, attrs...)
}

// Flag returns a handle to the flag. Where there is no answer, the handle answers with
// the declared default.
func (d *Declaration) Flag(c *FeatureFlagClient) *FeatureFlag {
	return newHandle(c, d.name, d.enabled, c.required)
}

// clientData returns what is stored of the declaration with the flag.
func (d *declaration) clientData() map[string]any {
	data := make(map[string]any)
	for key, text := range map[string]string{"description": d.description, "owner": d.owner} {
		if text != "" {
			data[key] = text
		}
	}
	if day, ok := d.Expires(); ok {
		data["expires"] = day.Format(time.DateOnly)
	}
	return data
}

// Declarations returns the declarations in the exported fields of a struct, or of a
// pointer to one, also those in structs within it, in their order. If there is
// none, or a field is nil, the error matches [store.ErrInvalid].
func Declarations(group any) ([]Declared, error) {
	declarations, err := appendDeclarations(nil, reflect.ValueOf(group), reflect.TypeOf(group))
	switch {
	case err != nil:
		return nil, err
	case declarations == nil:
		return nil, fmt.Errorf("declarations: %w: a %T has none in exported fields", store.ErrInvalid, group)
	}
	return declarations, nil
}

func appendDeclarations(declarations []Declared, group reflect.Value, path fmt.Stringer) ([]Declared, error) {
	for group.Kind() == reflect.Pointer && !group.IsNil() {
		group = group.Elem()
	}
	if group.Kind() != reflect.Struct {
		return declarations, nil
	}
	for field, value := range group.Fields() {
		if !field.IsExported() {
			continue
		}
		switch isDeclared := field.Type.Implements(reflect.TypeFor[Declared]()); {
		case isDeclared && value.Kind() != reflect.Struct && value.IsNil():
			return nil, fmt.Errorf("declarations: %w: field %s of %s is nil", store.ErrInvalid, field.Name, path)
		case isDeclared:
			d, _ := reflect.TypeAssert[Declared](value)
			declarations = append(declarations, d)
		default:
			var err error
			if declarations, err = appendDeclarations(declarations, value, field.Type); err != nil {
				return nil, err
			}
		}
	}
	return declarations, nil
}
