// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package store_test

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/carta"
)

func ExampleEncode() {
	text, err := store.Encode(&store.Flag{Name: "MY_FLAG", Enabled: true, Created: time.Unix(1700000000, 0)})
	fmt.Println(string(text), err)
	// Output: {"feature_name": "MY_FLAG", "is_enabled": true, "meta": {"client_data": {}, "created_date": 1700000000, "conditions": [], "bucketer": {"type": "NoOpBucketer"}}} <nil>
}

func ExampleDecode() {
	flag, err := store.Decode("MY_FLAG", []byte(
		`{"feature_name": "MY_FLAG", "is_enabled": false, "meta": {"created_date": 1700000000}, "of_another_client": 1}`))
	fmt.Println(flag.Enabled, flag.Created, err)

	// What another client wrote survives a change.
	flag = flag.Clone()
	flag.Enabled = true
	text, _ := store.Encode(flag)
	fmt.Println(strings.HasSuffix(string(text), `"of_another_client": 1}`))

	_, err = store.Decode("MY_FLAG", []byte(`{}`))
	fmt.Println(errors.Is(err, store.ErrUnreadable))
	// Output:
	// false 2023-11-14 22:13:20 +0000 UTC <nil>
	// true
	// true
}

func ExampleFlag_Evaluate() {
	flag := &store.Flag{
		Name: "MY_FLAG", Enabled: true,
		Conditions: []carta.Condition{carta.NewCondition(carta.Equal("plan", "pro"))},
	}
	decision, err := flag.Evaluate(&targeting.Request{Attrs: []targeting.Attr{{Name: "plan", Value: targeting.Text("free")}}}, nil)
	fmt.Println(decision.Variant.Name, decision.Reason, err)
	// Output: off DEFAULT <nil>
}

func ExampleFlag_Meta() {
	flag := &store.Flag{Name: "MY_FLAG", Created: time.Unix(1700000000, 0), ClientData: `{"ttl":3600}`}
	fmt.Println(flag.Meta())
	// Output: {"client_data": {"ttl": 3600}, "created_date": 1700000000, "conditions": [], "bucketer": {"type": "NoOpBucketer"}}
}

func ExampleNormalize() {
	_, err := store.Normalize(&store.Flag{Name: "MY_FLAG", ClientData: "no JSON"})
	fmt.Println(errors.Is(err, store.ErrInvalid))
	// Output: true
}

func ExampleValidateName() {
	fmt.Println(store.ValidateName("team/MY_FLAG"))
	fmt.Println(errors.Is(store.ValidateName("\xff"), store.ErrInvalidName))
	// Output:
	// <nil>
	// true
}
