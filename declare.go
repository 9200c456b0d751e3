// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipper

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/flipper-go/flipper/store"
)

// A Declaration is a flag that a program knows of: a name in one place instead of
// strings all over, with what there is to know of it. Make it with [Declare], as a
// rule as a package's variable. It is immutable and safe for concurrent use.
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
type Declaration struct {
	name        string
	byDefault   bool
	description string
	owner       string
	expires     time.Time // zero: never
}

// A DeclareOption says more of a declared flag.
type DeclareOption func(*Declaration)

// Declare declares a flag. It neither creates nor checks anything.
func Declare(name string, opts ...DeclareOption) *Declaration {
	d := &Declaration{name: name}
	for _, opt := range opts {
		opt(d)
	}
	return d
}

// Default sets what the flag answers where there is no answer, and whether it is
// enabled when [FeatureFlagClient.Register] creates it. By default that is false.
func Default(on bool) DeclareOption { return func(d *Declaration) { d.byDefault = on } }

// Description says what the flag is for.
func Description(text string) DeclareOption { return func(d *Declaration) { d.description = text } }

// Owner says whom to ask about the flag.
func Owner(owner string) DeclareOption { return func(d *Declaration) { d.owner = owner } }

// Expires sets the last day, in UTC, on which the program should still need the
// flag. Nothing happens to the flag on it; [FeatureFlagClient.Audit] reports it
// from the next day on. By default a flag does not expire.
func Expires(year int, month time.Month, day int) DeclareOption {
	return func(d *Declaration) { d.expires = time.Date(year, month, day, 0, 0, 0, 0, time.UTC) }
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

// Declare is [Declare] of a flag whose name is that of the namespace, a dot, and
// name. The empty namespace adds nothing.
func (n Namespace) Declare(name string, opts ...DeclareOption) *Declaration {
	if n != "" {
		name = string(n) + "." + name
	}
	return Declare(name, opts...)
}

// Contains reports whether a flag of this name is declared in the namespace, by
// this program or another. The empty namespace contains all names.
func (n Namespace) Contains(name string) bool {
	return n == "" || strings.HasPrefix(name, string(n)+".")
}

// Name gives the flag's name.
func (d *Declaration) Name() string { return d.name }

// Default gives what the flag answers where there is no answer.
func (d *Declaration) Default() bool { return d.byDefault }

// Description gives what the flag is for.
func (d *Declaration) Description() string { return d.description }

// Owner gives whom to ask about the flag.
func (d *Declaration) Owner() string { return d.owner }

// Expires gives the last day of the flag, at its start in UTC; ok is false if it
// does not expire.
func (d *Declaration) Expires() (day time.Time, ok bool) { return d.expires, !d.expires.IsZero() }

// IsEnabled is [FeatureFlagClient.IsEnabledOr] with the declared default.
func (d *Declaration) IsEnabled(ctx context.Context, c *FeatureFlagClient, attrs ...Attr) bool {
	return c.IsEnabledOr(ctx, d.name, d.byDefault, attrs...)
}

// Flag gives a handle to the flag: where there is no answer, it gives the declared
// default.
func (d *Declaration) Flag(c *FeatureFlagClient) *FeatureFlag {
	return newHandle(c, d.name, d.byDefault, c.required)
}

// clientData gives what is stored of the declaration with the flag.
func (d *Declaration) clientData() map[string]any {
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

// Declarations gives the declarations in the exported fields of a struct, or of a
// pointer to one, also those in structs within it, in their order. If there is
// none, or a field is nil, the error matches [store.ErrInvalid].
func Declarations(group any) ([]*Declaration, error) {
	declarations, err := appendDeclarations(nil, reflect.ValueOf(group), reflect.TypeOf(group))
	switch {
	case err != nil:
		return nil, err
	case declarations == nil:
		return nil, fmt.Errorf("declarations: %w: a %T has none in exported fields", store.ErrInvalid, group)
	}
	return declarations, nil
}

func appendDeclarations(declarations []*Declaration, group reflect.Value, path fmt.Stringer) ([]*Declaration, error) {
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
		d, ok := reflect.TypeAssert[*Declaration](value)
		switch {
		case ok && d == nil:
			return nil, fmt.Errorf("declarations: %w: field %s of %s is nil", store.ErrInvalid, field.Name, path)
		case ok:
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

// Register creates those of the declared flags that are not stored, with their
// default, and with description, owner and expires (as 2006-01-02) in their client
// data. Of a flag that is stored it refreshes these three in the client data, if
// they are declared and differ. It changes nothing else, whatever is declared: the
// flag stays enabled or disabled, and keeps its conditions, its rollout and its
// other client data. What is not declared stays as it is stored. Without arguments,
// it registers what the client knows to be declared (see [WithDeclarations]).
//
// Call it when the program starts; several programs may do so at once. It registers
// as many flags as it can, and returns the errors joined: call it again until there
// is none, if the store may be down when the program starts. Two declarations of one
// name return an error that matches [store.ErrInvalid], and nothing is changed.
func (c *FeatureFlagClient) Register(ctx context.Context, declarations ...*Declaration) error {
	declarations = c.declared(declarations)
	if err := checkDeclarations(declarations); err != nil {
		return err
	}
	var failed []error
	for _, d := range declarations {
		if err := c.registerOne(ctx, d); err != nil {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

func (c *FeatureFlagClient) registerOne(ctx context.Context, d *Declaration) error {
	data := d.clientData()
	// Most flags are there: to ask first spares the handlers of events.
	f, err := c.store.Get(ctx, d.name)
	if errors.Is(err, store.ErrNotFound) || err == nil && c.isStale(d.name) {
		_, err = c.Create(ctx, d.name, WithEnabled(d.byDefault), WithClientData(data))
		if !errors.Is(err, store.ErrExists) {
			return err
		}
		f, err = c.store.Get(ctx, d.name)
	}
	switch {
	case errors.Is(err, store.ErrUnreadable):
		return nil // it can be replaced, but not changed
	case err == nil && !holds(f.ClientData, data):
		err = c.setClientData(ctx, d.name, data, true)
	}
	if err != nil {
		return fmt.Errorf("register flag %q: %w", d.name, err)
	}
	return nil
}

func checkDeclarations(declarations []*Declaration) error {
	seen := make(map[string]bool, len(declarations))
	for _, d := range declarations {
		switch {
		case d == nil:
			return fmt.Errorf("declarations: %w: one of them is nil", store.ErrInvalid)
		case d.name == "":
			return fmt.Errorf("declarations: %w: a name is empty", store.ErrInvalidName)
		case seen[d.name]:
			return fmt.Errorf("declarations: %w: flag %q is declared twice", store.ErrInvalid, d.name)
		}
		seen[d.name] = true
	}
	return nil
}

// An Audit compares the flags that a program declares with those that are stored.
// Its lists are sorted.
type Audit struct {
	// Missing are declared but not stored: they answer their default.
	Missing []string
	// Undeclared are stored but not declared: nobody may need them any more, or
	// another program does.
	Undeclared []string
	// Expired are declared with a last day that is over: remove them from the
	// program, then destroy them.
	Expired []string
}

// Audit compares declared flags with stored ones. Without arguments, the declared ones
// are those that the client knows (see [WithDeclarations]). If the flags cannot be listed,
// or two declarations have one name, it gives an error.
func (c *FeatureFlagClient) Audit(ctx context.Context, declarations ...*Declaration) (Audit, error) {
	declarations = c.declared(declarations)
	if err := checkDeclarations(declarations); err != nil {
		return Audit{}, err
	}
	stored := make(map[string]bool)
	for f, err := range c.List(ctx) {
		if unreadable, ok := errors.AsType[*store.UnreadableError](err); ok {
			stored[unreadable.Name] = true
			continue
		}
		if err != nil {
			return Audit{}, err
		}
		stored[f.Name] = true
	}
	var a Audit
	now := time.Now()
	for _, d := range declarations {
		if !stored[d.name] {
			a.Missing = append(a.Missing, d.name)
		}
		delete(stored, d.name)
		if day, ok := d.Expires(); ok && !now.Before(day.AddDate(0, 0, 1)) {
			a.Expired = append(a.Expired, d.name)
		}
	}
	for name := range stored {
		a.Undeclared = append(a.Undeclared, name)
	}
	slices.Sort(a.Missing)
	slices.Sort(a.Undeclared)
	slices.Sort(a.Expired)
	return a, nil
}
