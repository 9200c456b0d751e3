// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipper

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting"
)

// SetClientData merges data into a flag's client data, at the top level: a key
// that is there is replaced, and keys cannot be removed. The values may be
// whatever [targeting.ValueOf] takes; ints of any size stay ints. Keys that data
// does not name keep their exact text. If data cannot be stored, the error
// matches [store.ErrInvalid]; if there is no such flag, [store.ErrNotFound].
func (c *FeatureFlagClient) SetClientData(ctx context.Context, name string, data map[string]any) error {
	if err := c.setClientData(ctx, name, data, false); err != nil {
		return fmt.Errorf("set client data of flag %q: %w", name, err)
	}
	return nil
}

// ReplaceClientData replaces a flag's client data as a whole, except for names that are
// reserved. Its errors are those of [FeatureFlagClient.SetClientData].
func (c *FeatureFlagClient) ReplaceClientData(ctx context.Context, name string, data map[string]any) error {
	err := c.changeClientData(ctx, name, func(text targeting.JSON) (targeting.JSON, error) {
		reserved, err := keepReserved(text)
		if err != nil {
			return "", err
		}
		return mergeClientData(reserved, data)
	})
	if err != nil {
		return fmt.Errorf("replace client data of flag %q: %w", name, err)
	}
	return nil
}

// PatchClientData changes a flag's client data as a JSON Merge Patch (RFC 7396) says:
// nil removes a key, an object is merged, and anything else replaces what is there. What
// the patch does not name keeps its exact text. Its errors are those of
// [FeatureFlagClient.SetClientData].
func (c *FeatureFlagClient) PatchClientData(ctx context.Context, name string, patch map[string]any) error {
	err := c.changeClientData(ctx, name, func(text targeting.JSON) (targeting.JSON, error) {
		return patchClientData(text, patch)
	})
	if err != nil {
		return fmt.Errorf("patch client data of flag %q: %w", name, err)
	}
	return nil
}

// errHeld ends an update of a flag that has all the data already.
var errHeld = errors.New("the flag has this client data")

// setClientData merges data into a flag's client data. If onlyNew is set and the
// flag has all of it when it is read for the write, nothing is written, and the
// handlers of the post event are not called.
func (c *FeatureFlagClient) setClientData(ctx context.Context, name string, data map[string]any, onlyNew bool) error {
	if _, err := mergeClientData("", data); err != nil {
		return err
	}
	return c.changeClientData(ctx, name, func(text targeting.JSON) (targeting.JSON, error) {
		if onlyNew && holds(text, data) {
			return text, errHeld
		}
		return mergeClientData(text, data)
	})
}

// changeClientData replaces a flag's client data by what change makes of it.
func (c *FeatureFlagClient) changeClientData(ctx context.Context, name string, change func(targeting.JSON) (targeting.JSON, error)) error {
	event := Event{Type: PreSetClientData, Name: name}
	if c.events.handles(PreSetClientData) {
		// The handlers see the data as it is to be.
		f, err := c.store.Get(ctx, name)
		if err != nil {
			return err
		}
		text, err := change(f.ClientData)
		if err != nil && !errors.Is(err, errHeld) {
			return err
		}
		if event.ClientData, err = clientDataMap(text); err != nil {
			return err
		}
	}
	if err := c.events.emit(ctx, event); err != nil {
		return err
	}
	stored, err := store.Update(ctx, c.store, name, func(f *store.Flag) (err error) {
		f.ClientData, err = change(f.ClientData)
		return err
	})
	if errors.Is(err, errHeld) {
		return nil
	}
	if err != nil {
		return err
	}
	event.Type = PostSetClientData
	if c.events.handles(PostSetClientData) {
		if event.ClientData, err = clientDataMap(stored.ClientData); err != nil {
			return err
		}
	}
	return c.events.emit(ctx, event)
}

// holds reports whether client data has all of data, whose values are texts.
func holds(text targeting.JSON, data map[string]any) bool {
	if len(data) == 0 {
		return true
	}
	held, err := clientDataMap(text)
	if err != nil {
		return false
	}
	for key, value := range data {
		if got, ok := held[key].(string); !ok || got != value {
			return false
		}
	}
	return true
}

// ClientData returns a flag's client data. Its values are nil, bool, int64,
// *big.Int (only beyond int64), float64, string, []any and map[string]any. If
// there is no such flag, the error matches [store.ErrNotFound]; if another client
// stored something else than an object, [store.ErrInvalid].
func (c *FeatureFlagClient) ClientData(ctx context.Context, name string) (map[string]any, error) {
	f, err := c.store.Get(ctx, name)
	if err == nil {
		var data map[string]any
		if data, err = clientDataMap(f.ClientData); err == nil {
			return data, nil
		}
	}
	return nil, fmt.Errorf("client data of flag %q: %w", name, err)
}

// Meta returns a flag's meta, the object of client_data, created_date, conditions
// and bucketer, as JSON text in the form of the Python client's get_meta.
// [FeatureFlagClient.Get] returns the same as Go values. If there is no such
// flag, the error matches [store.ErrNotFound].
func (c *FeatureFlagClient) Meta(ctx context.Context, name string) (targeting.JSON, error) {
	f, err := c.store.Get(ctx, name)
	if err != nil {
		return "", fmt.Errorf("meta of flag %q: %w", name, err)
	}
	return f.Meta(), nil
}

func clientDataMap(text targeting.JSON) (map[string]any, error) {
	v, err := store.ParseClientData(text)
	if err != nil {
		return nil, err
	}
	data, ok := v.Any().(map[string]any)
	if !ok {
		return nil, notAnObject(v)
	}
	// What is reserved is not the users' to see or to set.
	maps.DeleteFunc(data, func(key string, _ any) bool { return store.IsReserved(key) })
	return data, nil
}

func notAnObject(v targeting.Value) error {
	return fmt.Errorf("%w client_data: what is stored is %s, not an object", store.ErrInvalid, v.Kind())
}

// keepReserved returns client data with nothing but the names that are reserved.
func keepReserved(text targeting.JSON) (targeting.JSON, error) {
	if text == "" {
		return "", nil
	}
	fields, err := targeting.SplitObject(text)
	if err != nil {
		return "", err
	}
	fields = slices.DeleteFunc(fields, func(f targeting.Field) bool { return !store.IsReserved(f.Name) })
	return targeting.JSON(targeting.AppendObject(nil, fields)), nil
}

// patchClientData applies a merge patch.
func patchClientData(text targeting.JSON, patch map[string]any) (targeting.JSON, error) {
	for key := range patch {
		if err := checkKey(key); err != nil {
			return "", err
		}
	}
	v, err := targeting.ValueOf(patch)
	if err == nil {
		err = v.Validate()
	}
	if err != nil {
		return "", fmt.Errorf("client_data: %w", err)
	}
	current, err := store.ParseClientData(text)
	if err != nil {
		return "", err
	}
	if current.Kind() != targeting.KindObject {
		return "", notAnObject(current)
	}
	return mergePatch(text, v)
}

// mergePatch merges an object into the text of another.
func mergePatch(text targeting.JSON, patch targeting.Value) (targeting.JSON, error) {
	var fields []targeting.Field
	if text != "" {
		var err error
		if fields, err = targeting.SplitObject(text); err != nil {
			return "", err
		}
	}
	for _, m := range patch.Members() {
		switch m.Value.Kind() {
		case targeting.KindNull:
			fields = slices.DeleteFunc(fields, func(f targeting.Field) bool { return f.Name == m.Key })
		case targeting.KindObject:
			below := targeting.GetField(fields, m.Key)
			if !strings.HasPrefix(strings.TrimLeft(string(below), " \t\r\n"), "{") {
				below = ""
			}
			merged, err := mergePatch(below, m.Value)
			if err != nil {
				return "", err
			}
			fields = targeting.SetField(fields, m.Key, merged)
		default:
			fields = targeting.SetField(fields, m.Key, targeting.JSON(m.Value.String()))
		}
	}
	return targeting.JSON(targeting.AppendObject(nil, fields)), nil
}

// checkKey refuses names that are not the users' to set.
func checkKey(key string) error {
	if store.IsReserved(key) {
		return fmt.Errorf("%w client_data: key %q: names that begin with $ are reserved (rules are set with SetRules)", store.ErrInvalid, key)
	}
	return nil
}

// mergeClientData puts data into the text of an object, and leaves the rest of
// the text as it is. New keys come last, sorted.
func mergeClientData(text targeting.JSON, data map[string]any) (targeting.JSON, error) {
	v, err := store.ParseClientData(text)
	if err != nil {
		return "", err
	}
	if v.Kind() != targeting.KindObject {
		return "", notAnObject(v)
	}
	if len(data) == 0 {
		return text, nil
	}
	var fields []targeting.Field
	if text != "" {
		if fields, err = targeting.SplitObject(text); err != nil {
			return "", err
		}
	}
	for _, key := range slices.Sorted(maps.Keys(data)) {
		if err := checkKey(key); err != nil {
			return "", err
		}
		value, err := targeting.ValueOf(data[key])
		if err == nil {
			err = cmp.Or(targeting.Text(key).Validate(), value.Validate())
		}
		if err != nil {
			return "", fmt.Errorf("client_data: key %q: %w", key, err)
		}
		fields = targeting.SetField(fields, key, targeting.JSON(value.String()))
	}
	merged := targeting.JSON(targeting.AppendObject(nil, fields))
	if _, err := store.ParseClientData(merged); err != nil {
		return "", err
	}
	return merged, nil
}
