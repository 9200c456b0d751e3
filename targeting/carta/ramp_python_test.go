// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package carta_test

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/carta"
)

// pythonRamp is the Python client's arithmetic, on Python's own numbers.
const pythonRamp = `
import json, sys
for line in sys.stdin:
    initial, final, duration, micros = json.loads(line)
    try:
        if duration == 0:
            value = final
        else:
            slope = (final - initial) / duration
            value = min(final, slope * (micros / 10**6) + initial)
        print(json.dumps(value))
    except (OverflowError, TypeError):
        print("error")
`

// TestRampsOfLargeInts compares with Python: it calculates with exact ints as long as
// it has ints, and with doubles otherwise.
func TestRampsOfLargeInts(t *testing.T) {
	random := rand.New(rand.NewPCG(9, 10))
	numbers := func() string {
		switch random.IntN(6) {
		case 0:
			return fmt.Sprint(random.IntN(3) - 1)
		case 1:
			return fmt.Sprint(random.Float64()*4 - 2)
		case 2: // about where doubles end
			return fmt.Sprint(int64(1)<<53 + random.Int64N(7) - 3)
		case 3:
			return "-" + fmt.Sprint(random.Uint64())
		case 4: // beyond what a double holds
			return new(big.Int).Lsh(big.NewInt(1+random.Int64N(1000)), uint(random.IntN(1100))).String()
		}
		return new(big.Int).Add(new(big.Int).Lsh(big.NewInt(1), uint(54+random.IntN(80))), big.NewInt(random.Int64N(1000))).String()
	}
	const start = 1_700_000_000
	type ramp struct {
		text   targeting.JSON
		micros int64
	}
	var ramps []ramp
	var questions strings.Builder
	for range 2000 {
		initial, final, duration := numbers(), numbers(), numbers()
		micros := random.Int64N(1e13) - 1e12
		ramps = append(ramps, ramp{targeting.JSON(fmt.Sprintf(`{"type": "LinearRampPercentage", "initial_value": %s, "final_value": %s, "ramp_duration": %s, "initial_time": %d}`,
			initial, final, duration, start)), micros})
		fmt.Fprintf(&questions, "[%s, %s, %s, %d]\n", initial, final, duration, micros)
	}
	command := exec.CommandContext(t.Context(), "python3", "-c", pythonRamp)
	command.Stdin = strings.NewReader(questions.String())
	output, err := command.Output()
	if err != nil {
		t.Fatalf("python3: %v (run make test-deps to get it)", err)
	}
	answers := strings.Split(strings.TrimSpace(string(output)), "\n")
	if len(answers) != len(ramps) {
		t.Fatalf("%d answers, want %d", len(answers), len(ramps))
	}
	for i, r := range ramps {
		p, err := carta.ParsePercentage(r.text, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		got := "error"
		if v, err := p.Value(time.UnixMicro(start*1e6 + r.micros)); err == nil {
			got = v.String()
		}
		if got != answers[i] {
			t.Errorf("%s after %d us: %s, in Python %s", r.text, r.micros, got, answers[i])
		}
	}
}
