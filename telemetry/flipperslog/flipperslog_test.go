// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipperslog_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/impression"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/memory"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/telemetry/flipperslog"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// withoutTime leaves the time of a record out.
func withoutTime(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}

func TestHook(t *testing.T) {
	for want, opts := range map[string][]flipperslog.Option{
		`level=INFO msg="flag evaluated" feature_flag.key=missing feature_flag.enabled=true feature_flag.reason=error feature_flag.error.type=flag_not_found feature_flag.error="flag not found"`: nil,
		`level=WARN msg="flag evaluated" key=missing enabled=true reason=error error.type=flag_not_found error="flag not found"`:                                                                  {flipperslog.WithLevel(slog.LevelWarn), flipperslog.WithGroup("")},
		``: {flipperslog.WithLevel(slog.LevelDebug)},
	} {
		var logged bytes.Buffer
		logger := slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{ReplaceAttr: withoutTime}))
		features := flipper.New(memory.New(), flipper.WithHook(flipperslog.New(logger, opts...)), flipper.WithLogger(slog.New(slog.DiscardHandler)))
		features.IsEnabledOr(t.Context(), "missing", true)
		if got := strings.TrimSuffix(logged.String(), "\n"); got != want {
			t.Errorf("logged\n%s\nwant\n%s", got, want)
		}
	}
}

func TestHandle(t *testing.T) {
	var logged bytes.Buffer
	l := flipperslog.New(slog.New(slog.NewJSONHandler(&logged, nil)))
	err := l.Handle(t.Context(), []flipper.Impression{
		{
			Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Name: "flag",
			Evaluation: flipper.Evaluation{Enabled: true, Reason: flipper.ReasonCached, Age: time.Second},
			Attrs:      []flipper.Attr{flipper.String("plan", "pro"), flipper.Int("user_id", 7)},
		},
		{
			Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Name: "theme",
			Evaluation: flipper.Evaluation{Enabled: true, Variant: "blue", Value: targeting.Text("#00f"), Rule: 0, RuleName: "staff", Reason: flipper.ReasonTargetingMatch},
		},
		{
			Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Name: "theme",
			Evaluation: flipper.Evaluation{Variant: "grey", Value: targeting.Text("#888"), Rule: -1, Reason: flipper.ReasonDefault},
		},
		{Time: time.Date(2026, 1, 2, 3, 4, 6, 0, time.UTC), Name: "broken", Evaluation: flipper.Evaluation{Reason: flipper.ReasonError, Err: store.ErrUnavailable}},
	})
	if err != nil {
		t.Error(err)
	}
	want := `{"time":"2026-01-02T03:04:05Z","level":"INFO","msg":"flag evaluated","feature_flag":{"key":"flag","enabled":true,"reason":"cached","age":1000000000,"attributes":{"plan":"pro","user_id":7}}}
{"time":"2026-01-02T03:04:05Z","level":"INFO","msg":"flag evaluated","feature_flag":{"key":"theme","enabled":true,"reason":"targeting_match","variant":"blue","value":"#00f","rule":0,"rule_name":"staff"}}
{"time":"2026-01-02T03:04:05Z","level":"INFO","msg":"flag evaluated","feature_flag":{"key":"theme","enabled":false,"reason":"default","variant":"grey","value":"#888"}}
{"time":"2026-01-02T03:04:06Z","level":"INFO","msg":"flag evaluated","feature_flag":{"key":"broken","enabled":false,"reason":"error","error.type":"unavailable","error":"store is unavailable"}}
`
	if got := logged.String(); got != want {
		t.Errorf("logged\n%s\nwant\n%s", got, want)
	}
}

var errDisk = errors.New("disk is full")

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errDisk }

func TestHandleFails(t *testing.T) {
	l := flipperslog.New(slog.New(slog.NewTextHandler(full{}, nil)))
	if err := l.Handle(t.Context(), make([]flipper.Impression, 2)); !errors.Is(err, errDisk) {
		t.Errorf("Handle: %v", err)
	}
}

func ExampleLogger_Handle() {
	logger := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: withoutTime}))
	recorder := impression.New(flipperslog.New(logger).Handle, impression.WithAttributes("plan"))

	ctx := context.Background()
	features := flipper.New(memory.New(), flipper.WithImpressions(recorder, 1))
	flag, err := features.Create(ctx, "NEW_SEARCH", flipper.WithEnabled(true))
	if err != nil {
		fmt.Println(err)
		return
	}
	flag.IsEnabled(ctx, flipper.String("plan", "pro"), flipper.String("email", "someone@example.com"))
	if err := recorder.Close(ctx); err != nil {
		fmt.Println(err)
	}
	// Output:
	// level=INFO msg="flag evaluated" feature_flag.key=NEW_SEARCH feature_flag.enabled=true feature_flag.reason=static feature_flag.variant=on feature_flag.attributes.plan=pro
}

func ExampleNew() {
	logger := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: withoutTime}))
	hook := flipperslog.New(logger, flipperslog.WithLevel(slog.LevelDebug), flipperslog.WithGroup("flag"))
	features := flipper.New(memory.New(), flipper.WithHook(hook), flipper.WithLogger(slog.New(slog.DiscardHandler)))
	features.IsEnabled(context.Background(), "NEW_SEARCH")
	// Output:
	// level=DEBUG msg="flag evaluated" flag.key=NEW_SEARCH flag.enabled=false flag.reason=error flag.error.type=flag_not_found flag.error="flag not found"
}
