// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package carta

import (
	"fmt"
	"slices"
	"strings"

	"github.com/flipper-go/flipper/targeting"
)

// An Operator says how a check compares an attribute with its value. The
// attribute is on the left: with [OpGreater], the attribute must be greater.
type Operator uint8

// The operators.
const (
	OpEqual Operator = iota
	OpNotEqual
	OpGreater
	OpGreaterOrEqual
	OpLess
	OpLessOrEqual
	OpIn
	OpNotIn
)

// operatorSymbols are the stored forms. Equality has none: it is stored as null.
var operatorSymbols = [...]string{"", "ne", "gt", "gte", "lt", "lte", "in", "not_in"}

// String returns the operator's symbol: "eq", which is stored as null, "ne", "gt",
// "gte", "lt", "lte", "in" or "not_in".
func (o Operator) String() string {
	if o == OpEqual {
		return "eq"
	}
	return o.symbol()
}

func (o Operator) symbol() string {
	if int(o) < len(operatorSymbols) {
		return operatorSymbols[o]
	}
	return fmt.Sprintf("Operator(%d)", uint8(o))
}

// ParseOperator returns the operator of a symbol as [Operator.String] writes it.
// The empty symbol is equality.
func ParseOperator(symbol string) (Operator, error) {
	if symbol == "" || symbol == OpEqual.String() {
		return OpEqual, nil
	}
	for i, s := range operatorSymbols {
		if s == symbol {
			return Operator(i), nil
		}
	}
	return 0, fmt.Errorf("%w operator %q (use one of eq ne gt gte lt lte in not_in)", targeting.ErrInvalid, symbol)
}

// A Check compares one attribute of a request with a value. Make one with
// [Equal], [NotEqual], [Greater], [GreaterOrEqual], [Less], [LessOrEqual], [In],
// [NotIn] or [NewCheck], and put it into a condition with [NewCondition].
type Check struct {
	// Variable is the name of the attribute. It must not hold "__", nor end in
	// "_", nor be "self": the Python client could not read it back.
	Variable string
	Operator Operator
	Value    targeting.Value

	rare *rareCheck // nil as a rule
}

// A rareCheck is what few checks have.
type rareCheck struct {
	set    map[identity]struct{} // the elements of Value, if they are many and to be searched
	source targeting.JSON        // the exact text of Value, if it was read and is long or not as we write it
	err    error                 // why the check cannot be stored
}

// keepSource notes the exact text of the check's value, which was read.
func (c *Check) keepSource(text targeting.JSON) {
	var space [64]byte
	if len(text) > len(space) || string(c.Value.AppendJSON(space[:0])) != string(text) {
		c.rare = &rareCheck{source: text}
	}
}

// NewCheck makes a check. The value may be whatever [ValueOf] takes.
func NewCheck(variable string, operator Operator, value any) Check {
	v, err := targeting.ValueOf(value)
	c := Check{Variable: variable, Operator: operator, Value: v}
	if err != nil {
		c.rare = &rareCheck{err: fmt.Errorf("value of the check on %q: %w", variable, err)}
	}
	return c
}

// Equal holds if the attribute equals value.
func Equal(variable string, value any) Check { return NewCheck(variable, OpEqual, value) }

// NotEqual holds if the attribute does not equal value.
func NotEqual(variable string, value any) Check { return NewCheck(variable, OpNotEqual, value) }

// Greater holds if the attribute is greater than value.
func Greater(variable string, value any) Check { return NewCheck(variable, OpGreater, value) }

// GreaterOrEqual holds if the attribute is value or greater.
func GreaterOrEqual(variable string, value any) Check {
	return NewCheck(variable, OpGreaterOrEqual, value)
}

// Less holds if the attribute is less than value.
func Less(variable string, value any) Check { return NewCheck(variable, OpLess, value) }

// LessOrEqual holds if the attribute is value or less.
func LessOrEqual(variable string, value any) Check { return NewCheck(variable, OpLessOrEqual, value) }

// In holds if the attribute equals one of values. A slice or array, if it is the only
// value, stands for its elements.
func In(variable string, values ...any) Check { return newListCheck(variable, OpIn, values) }

// NotIn holds if the attribute equals none of values. A slice or array, if it is the
// only value, stands for its elements.
func NotIn(variable string, values ...any) Check { return newListCheck(variable, OpNotIn, values) }

func newListCheck(variable string, operator Operator, values []any) Check {
	list, err := targeting.ValuesOf(values...)
	if err != nil {
		return NewCheck(variable, operator, values) // which has the same error
	}
	return NewCheck(variable, operator, targeting.List(list...))
}

// ParseCheckKey reads a check key as the Python client does: the name of an
// attribute, or the name, two underscores and an operator, such as "age__gte".
// A key that parts into three or more at "__" is a name as a whole.
func ParseCheckKey(key string) (variable string, operator Operator, err error) {
	if key == "self" {
		return "", 0, fmt.Errorf("%w check key: %q is a reserved word of the Python client", targeting.ErrInvalid, key)
	}
	variable, symbol, found := strings.Cut(key, "__")
	if !found || strings.Contains(symbol, "__") {
		return key, OpEqual, nil
	}
	if symbol == "" || symbol == OpEqual.String() {
		return "", 0, fmt.Errorf("%w check key %q: unknown operator %q", targeting.ErrInvalid, key, symbol)
	}
	operator, err = ParseOperator(symbol)
	if err != nil {
		return "", 0, fmt.Errorf("check key %q: %w", key, err)
	}
	return variable, operator, nil
}

// joinCheckKey reads a variable and an operator as the Python client does: it
// joins the two and reads the whole as a check key.
func joinCheckKey(variable, symbol string) (string, Operator, error) {
	// As a rule that comes to the two again.
	if !strings.Contains(variable, "__") && !strings.HasSuffix(variable, "_") {
		if i := slices.Index(operatorSymbols[:], symbol); i > 0 {
			return variable, Operator(i), nil
		}
	}
	return ParseCheckKey(variable + "__" + symbol)
}

// ValueJSON returns the JSON text of the check's value: exactly as it was read, if
// it was.
func (c Check) ValueJSON() targeting.JSON {
	if c.rare != nil && c.rare.source != "" {
		return c.rare.source
	}
	return targeting.JSON(c.Value.String())
}

// validate says what is wrong with a check that a caller made. Checks that are
// read may be odder than this: they are there, and mean something.
func (c Check) validate() error {
	if c.rare != nil && c.rare.err != nil {
		return c.rare.err
	}
	fail := func(format string, args ...any) error {
		return fmt.Errorf("%w check on %q: %s", targeting.ErrInvalid, c.Variable, fmt.Sprintf(format, args...))
	}
	if err := targeting.Text(c.Variable).Validate(); err != nil {
		return fmt.Errorf("variable of a check: %w", err)
	}
	if err := c.Value.Validate(); err != nil {
		return fmt.Errorf("value of the check on %q: %w", c.Variable, err)
	}
	switch {
	case strings.Contains(c.Variable, "__"), strings.HasSuffix(c.Variable, "_"):
		return fail("a variable must not hold \"__\" nor end in \"_\": the Python client could not read it back")
	case c.Variable == "self":
		return fail("\"self\" is a reserved word of the Python client")
	case int(c.Operator) >= len(operatorSymbols):
		return fail("unknown operator %d", c.Operator)
	}
	switch kind := c.Value.Kind(); c.Operator {
	case OpEqual, OpNotEqual:
		if kind == targeting.KindList {
			return fail("a list where a scalar belongs (for one of several values, use In or NotIn)")
		}
	case OpGreater, OpGreaterOrEqual, OpLess, OpLessOrEqual:
		if kind == targeting.KindNull || kind == targeting.KindList || kind == targeting.KindObject {
			return fail("%s has no order: %s needs a number or text", kind, c.Operator)
		}
		if f, _ := c.Value.AsFloat(); f != f {
			return fail("NaN has no order")
		}
	case OpIn, OpNotIn:
		if kind != targeting.KindList && kind != targeting.KindText && kind != targeting.KindObject {
			return fail("%s needs a list of values, not %s", c.Operator, kind)
		}
		for _, element := range c.Value.Elements() {
			if element.Kind() == targeting.KindList {
				return fail("a list within the list of values: no attribute but a list equals it (give its elements)")
			}
		}
	}
	return nil
}

// compile prepares what evaluation needs.
func (c *Check) compile() {
	if c.Operator != OpIn && c.Operator != OpNotIn {
		return
	}
	if set := scalarSet(c.Value.Elements()); set != nil {
		rare := new(rareCheck) // the check may be a copy of another one
		if c.rare != nil {
			*rare = *c.rare
		}
		rare.set = set
		c.rare = rare
	}
}

// contains reports whether the attribute is in the check's value.
func (c *Check) contains(attribute targeting.Value) (bool, error) {
	if c.rare == nil || c.rare.set == nil {
		return contains(c.Value, attribute)
	}
	id, ok := identityOf(attribute)
	if ok {
		_, ok = c.rare.set[id]
	}
	return ok, nil
}

// holds compares. The error matches [ErrKind].
func (c *Check) holds(attribute targeting.Value) (bool, error) {
	switch c.Operator {
	case OpEqual:
		return equal(attribute, c.Value), nil
	case OpNotEqual:
		return !equal(attribute, c.Value), nil
	case OpIn:
		return c.contains(attribute)
	case OpNotIn:
		in, err := c.contains(attribute)
		return !in, err
	}
	order, ordered, err := compareOrder(attribute, c.Value)
	if err != nil || !ordered {
		return false, err
	}
	switch c.Operator {
	case OpGreater:
		return order > 0, nil
	case OpGreaterOrEqual:
		return order >= 0, nil
	case OpLess:
		return order < 0, nil
	default: // OpLessOrEqual
		return order <= 0, nil
	}
}
