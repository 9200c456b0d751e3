// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"slices"
	"strconv"
	"strings"

	"github.com/flipper-go/flipper/targeting"
)

// AllVariants returns what the flag can serve, in order: on and off if the definition
// names no variants.
func (d *Definition) AllVariants() []targeting.Variant {
	if len(d.Variants) == 0 {
		return []targeting.Variant{*targeting.OnOff(true), *targeting.OnOff(false)}
	}
	return d.Variants
}

// SetVariants adds variants, and changes the values of those that are there. The
// variants of a flag are of one kind, so variants of another kind are refused, unless
// they take the place of all others: those that the flag has been given, or the on and
// off of a flag that names no variants (see [Definition.ReplaceVariants]).
func (d *Definition) SetVariants(variants ...targeting.Variant) error {
	if len(variants) == 0 {
		return nil
	}
	kind := variantClass(variants[0].Value)
	var kept []targeting.Variant
	for _, v := range d.AllVariants() {
		if i := findVariant(variants, v.Name); i >= 0 {
			kept = append(kept, variants[i])
			continue
		}
		if variantClass(v.Value) != kind {
			if len(d.Variants) == 0 {
				return d.ReplaceVariants(variants...)
			}
			return invalid("variants", "%q would be %s, and %q is %s: the variants of a flag are of one kind, so replace all of them at once", variants[0].Name, kind, v.Name, variantClass(v.Value))
		}
		kept = append(kept, v)
	}
	for _, v := range variants {
		if findVariant(kept, v.Name) < 0 {
			kept = append(kept, v)
		}
	}
	d.Variants = kept
	return nil
}

// ReplaceVariants replaces all variants. It is refused if something still serves one of
// those that would be gone. The exception is a flag that names no variants: if its off
// variant is gone, the first of the new ones takes its place, and if its default is
// gone, the off variant does.
func (d *Definition) ReplaceVariants(variants ...targeting.Variant) error {
	isNamed := len(d.Variants) > 0
	off, byDefault := d.Off, d.Default
	if !isNamed && len(variants) > 0 {
		if findVariant(variants, off) < 0 {
			off = variants[0].Name
		}
		if findVariant(variants, byDefault) < 0 {
			byDefault = off
		}
	}
	changed := *d
	changed.Off, changed.Default = off, byDefault
	for _, v := range d.AllVariants() {
		if findVariant(variants, v.Name) >= 0 {
			continue
		}
		if err := changed.checkNotServed(v.Name); err != nil {
			return err
		}
	}
	changed.Variants = variants
	*d = changed
	return nil
}

// RemoveVariants removes variants. It is refused if the flag does not have one of them,
// or still serves it.
func (d *Definition) RemoveVariants(names ...string) error {
	kept := slices.Clone(d.AllVariants())
	for _, name := range names {
		i := findVariant(kept, name)
		if i < 0 {
			return invalid("variants", "there is no variant %q: write one of %s", name, strings.Join(variantNames(kept), ", "))
		}
		if err := d.checkNotServed(name); err != nil {
			return err
		}
		kept = slices.Delete(kept, i, i+1)
	}
	d.Variants = kept
	return nil
}

// Serving returns the paths at which a variant is served, such as rules[2].serve,
// rules[0].split.shares[1], default and off.
func (d *Definition) Serving(variant string) []string {
	var paths []string
	for i := range d.Rules {
		rule := &d.Rules[i]
		if rule.Split == nil {
			if rule.Serve == variant {
				paths = append(paths, join(element("rules", i), "serve"))
			}
			continue
		}
		for j, share := range rule.Split.Shares {
			if share.Variant == variant {
				paths = append(paths, element(join(element("rules", i), "split.shares"), j))
			}
		}
	}
	if d.Default == variant {
		paths = append(paths, "default")
	}
	if d.Off == variant {
		paths = append(paths, "off")
	}
	return paths
}

func (d *Definition) checkNotServed(variant string) error {
	if paths := d.Serving(variant); len(paths) > 0 {
		return invalid("variants", "%q is still served: change %s first", variant, strings.Join(paths, ", "))
	}
	return nil
}

func findVariant(variants []targeting.Variant, name string) int {
	return slices.IndexFunc(variants, func(v targeting.Variant) bool { return v.Name == name })
}

func variantNames(variants []targeting.Variant) []string {
	var names []string
	for _, v := range variants {
		names = append(names, v.Name)
	}
	return names
}

// Include serves a variant to requests for which all conditions hold. A single test of
// what an attribute is adds its values to a rule that has only such a test, so that a
// list of ids stays one rule. Otherwise there is a new rule behind the others, unless
// one with these conditions is there already.
func (d *Definition) Include(variant string, conditions ...Condition) {
	if d.findRule(variant, conditions) >= 0 {
		return
	}
	if test, ok := onlyIs(conditions); ok {
		for i := range d.Rules {
			there, ok := d.listRule(i, variant, test.Attribute)
			if !ok {
				continue
			}
			values := slices.Clone(there.Values)
			for _, v := range test.Values {
				if !slices.ContainsFunc(values, v.Equal) {
					values = append(values, v)
				}
			}
			there.Values = values
			d.Rules[i].If = []Condition{there}
			return
		}
	}
	d.Rules = append(d.Rules, Rule{If: conditions, Serve: variant})
}

// Exclude takes back [Definition.Include]: it removes the rule that serves a variant to
// requests for which these conditions hold, or the values of a single test from the
// rule that lists them. It reports whether there was such a rule.
func (d *Definition) Exclude(variant string, conditions ...Condition) bool {
	if i := d.findRule(variant, conditions); i >= 0 {
		d.Rules = slices.Delete(d.Rules, i, i+1)
		return true
	}
	test, ok := onlyIs(conditions)
	if !ok {
		return false
	}
	for i := range d.Rules {
		there, ok := d.listRule(i, variant, test.Attribute)
		if !ok {
			continue
		}
		var rest []targeting.Value
		for _, v := range there.Values {
			if !slices.ContainsFunc(test.Values, v.Equal) {
				rest = append(rest, v)
			}
		}
		if len(there.Values)-len(rest) < len(test.Values) {
			continue // one of the values is not there
		}
		if len(rest) == 0 {
			d.Rules = slices.Delete(d.Rules, i, i+1)
			return true
		}
		there.Values = rest
		d.Rules[i].If = []Condition{there}
		return true
	}
	return false
}

// findRule returns the position of the rule that serves a variant to those for whom
// these conditions hold, in whatever order they are, or -1.
func (d *Definition) findRule(variant string, conditions []Condition) int {
	wanted := conditionKey(conditions)
	return slices.IndexFunc(d.Rules, func(r Rule) bool {
		return r.Split == nil && r.Serve == variant && conditionKey(r.If) == wanted
	})
}

func conditionKey(conditions []Condition) string {
	var all []string
	for _, c := range conditions {
		all = append(all, strconv.Quote(c.String()))
	}
	slices.Sort(all)
	return strings.Join(all, "")
}

// onlyIs returns the test of conditions that are one test of what an attribute is.
func onlyIs(conditions []Condition) (Condition, bool) {
	if len(conditions) != 1 || conditions[0].Attribute == "" || conditions[0].Op != OpIs || conditions[0].Not {
		return Condition{}, false
	}
	return conditions[0], true
}

// listRule returns the test of a rule that serves a variant and has only a test of what
// an attribute is.
func (d *Definition) listRule(position int, variant, attribute string) (Condition, bool) {
	rule := &d.Rules[position]
	test, ok := onlyIs(rule.If)
	return test, ok && rule.Split == nil && rule.Serve == variant && test.Attribute == attribute
}
