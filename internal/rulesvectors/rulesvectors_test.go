// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package rulesvectors

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // the stored format's hash, not a secret's
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/flipper-go/flipper/internal/pythontest"
	"github.com/flipper-go/flipper/internal/vectors"
	"github.com/flipper-go/flipper/internal/xxhash"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/rules"
)

var update = flag.Bool("update", false, "write testdata/vectors/rules.json anew")

const (
	programs    = "../../testdata/rules"
	vectorsFile = "../../testdata/vectors/rules.json"

	// How many random cases are among the vectors, and their seed.
	vectorCases, vectorSeed = 1500, 1
)

// A question is one case, as the Python programs write and read it.
type question struct {
	Note       string
	Item       string
	Attributes string
	Now        json.Number
	Others     []string
	Answer     json.RawMessage // if it is known
}

// errorAnswer is the answer of what cannot be evaluated. What errors say is not
// fixed.
const errorAnswer = `{"error": true}`

// The answers in Go

type flags map[string]*store.Flag

// Target implements [rules.Flags].
func (f flags) Target(name string) (rules.Target, error) {
	switch other, ok := f[name]; {
	case !ok:
		return rules.Target{}, store.ErrNotFound
	case other == nil:
		return rules.Target{}, store.ErrUnreadable
	default:
		return other.Target(), nil
	}
}

func nameOf(t *testing.T, item string) string {
	t.Helper()
	fields, err := targeting.SplitObject(targeting.JSON(item))
	if err != nil {
		t.Fatal(err)
	}
	name, err := targeting.ParseJSON(targeting.GetField(fields, "feature_name"))
	if err != nil {
		t.Fatal(err)
	}
	text, _ := name.AsText()
	return text
}

// ask returns the flag that a question is about, the request, and all flags.
func (q *question) ask(t *testing.T) (*store.Flag, *targeting.Request, flags) {
	t.Helper()
	known := make(flags)
	for _, item := range append(q.Others, q.Item) {
		name := nameOf(t, item)
		known[name], _ = store.Decode(name, item) // nil is a flag that cannot be read
	}
	now, ok := new(big.Rat).SetString(q.Now.String())
	if !ok {
		t.Fatalf("now is no number: %s", q.Now)
	}
	now.Mul(now, big.NewRat(1e6, 1))
	if !now.IsInt() {
		t.Fatalf("now is no whole number of microseconds: %s", q.Now)
	}
	r := &targeting.Request{
		Attrs: vectors.Attrs(t, json.RawMessage(q.Attributes)),
		Time:  time.UnixMicro(now.Num().Int64()),
	}
	return known[nameOf(t, q.Item)], r, known
}

// answer returns the answer in Go, as a line of JSON.
func (q *question) answer(t *testing.T) string {
	t.Helper()
	f, r, known := q.ask(t)
	if f == nil {
		return errorAnswer
	}
	d, err := f.Evaluate(r, known)
	if err != nil {
		return errorAnswer
	}
	variant, value, rule := targeting.Null(), targeting.Null(), targeting.Null()
	if d.Variant != nil {
		variant, value = targeting.Text(d.Variant.Name), d.Variant.Value
	}
	if d.Rule >= 0 {
		rule = targeting.Int(int64(d.Rule))
	}
	return string(targeting.Object(
		targeting.Member{Key: "enabled", Value: targeting.Bool(d.Enabled)},
		targeting.Member{Key: "variant", Value: variant},
		targeting.Member{Key: "value", Value: value},
		targeting.Member{Key: "reason", Value: targeting.Text(string(d.Reason))},
		targeting.Member{Key: "rule", Value: rule},
	).AppendJSON(nil))
}

// The answers in Python

func runPython(t *testing.T, input []byte, program string, args ...string) []byte {
	t.Helper()
	// go test runs a test again if a file changed that it opened.
	sources, err := filepath.Glob(filepath.Join(programs, "*.py"))
	for _, source := range sources {
		if _, err := os.ReadFile(source); err != nil {
			t.Fatal(err)
		}
	}
	if err != nil || len(sources) == 0 {
		t.Fatalf("no programs in %s: %v", programs, err)
	}
	command := pythontest.Script(t, "xxhash", filepath.Join(programs, program), args...)
	command.Stdin = bytes.NewReader(input)
	command.Stderr = os.Stderr
	output, err := command.Output()
	if err != nil {
		t.Fatalf("%s: %v", program, err)
	}
	return output
}

func readLines(text []byte) [][]byte { return bytes.Split(bytes.TrimSpace(text), []byte("\n")) }

// readQuestions reads one question from each line.
func readQuestions(t *testing.T, lines [][]byte) []question {
	t.Helper()
	questions := make([]question, len(lines))
	for i, line := range lines {
		if err := json.Unmarshal(line, &questions[i]); err != nil {
			t.Fatalf("line %d: %v", i+1, err)
		}
	}
	return questions
}

// askPython lets the evaluator in Python answer.
func askPython(t *testing.T, lines [][]byte) []string {
	t.Helper()
	output := readLines(runPython(t, bytes.Join(lines, []byte("\n")), "evaluate.py"))
	if len(output) != len(lines) {
		t.Fatalf("%d answers to %d questions", len(output), len(lines))
	}
	answers := make([]string, len(output))
	for i, line := range output {
		answers[i] = string(line)
		if bytes.HasPrefix(line, []byte(`{"error": `)) {
			answers[i] = errorAnswer
		}
	}
	return answers
}

// compareAll compares answers, and shows the questions where they differ.
func compareAll(t *testing.T, lines [][]byte, one string, ones []string, other string, others []string) {
	t.Helper()
	const shown = 10
	different := 0
	for i := range lines {
		if ones[i] == others[i] {
			continue
		}
		if different++; different <= shown {
			t.Errorf("%s\n%s answers %s\n%s answers %s", lines[i], one, ones[i], other, others[i])
		}
	}
	if different > shown {
		t.Errorf("%d of %d answers differ", different, len(lines))
	}
}

func answersInGo(t *testing.T, questions []question) []string {
	t.Helper()
	answers := make([]string, len(questions))
	for i := range questions {
		answers[i] = questions[i].answer(t)
	}
	return answers
}

func expected(questions []question) []string {
	answers := make([]string, len(questions))
	for i := range questions {
		answers[i] = string(questions[i].Answer)
	}
	return answers
}

// The tests

// The answers of the cases that were written by hand were written by hand, too: from
// the page, and not by either evaluator.
func TestHandwrittenCases(t *testing.T) {
	for _, program := range []string{"handwritten_cases.py", "expression_cases.py"} {
		lines := readLines(runPython(t, nil, program))
		questions := readQuestions(t, lines)
		compareAll(t, lines, "the page", expected(questions), "Go", answersInGo(t, questions))
		compareAll(t, lines, "the page", expected(questions), "Python", askPython(t, lines))
	}
}

// The published vectors are what the generator makes of the cases written by hand and
// of random ones.
func TestVectorsAreCurrent(t *testing.T) {
	made := makeVectors(t)
	if *update {
		if err := os.WriteFile(vectorsFile, made, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	stored, err := os.ReadFile(vectorsFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(made, stored) {
		t.Errorf("%s is not what is generated: run go test ./internal/rulesvectors -update, and look at what changed", vectorsFile)
	}
}

// makeVectors returns the text of rules.json.
func makeVectors(t *testing.T) []byte {
	t.Helper()
	var text bytes.Buffer
	text.WriteString("{\"about\": \"Flags with rules, and what they answer: see README.md, and docs/rules.md. Made by internal/rulesvectors.\", \"cases\": [\n")
	id := 0
	add := func(q question, answer string) {
		if id > 0 {
			text.WriteString(",\n")
		}
		id++
		fmt.Fprintf(&text, `{"id": %d, "note": %s, "item": %s, "attributes": %s, "now": %s, "others": [`, id, quote(q.Note), quote(q.Item), quote(q.Attributes), q.Now)
		for i, other := range q.Others {
			if i > 0 {
				text.WriteString(", ")
			}
			text.WriteString(quote(other))
		}
		fmt.Fprintf(&text, `], "answer": %s}`, answer)
	}
	for _, q := range readQuestions(t, readLines(runPython(t, nil, "handwritten_cases.py"))) {
		add(q, string(q.Answer))
	}
	random := readLines(runPython(t, nil, "random_cases.py", strconv.Itoa(vectorCases), strconv.Itoa(vectorSeed)))
	for _, q := range readQuestions(t, random) {
		q.Note = "random"
		add(q, q.answer(t))
	}
	text.WriteString("\n]}\n")
	return text.Bytes()
}

func quote(text string) string { return string(targeting.AppendText(nil, text)) }

// readVectors returns the lines of rules.json that are cases.
func readVectors(t *testing.T) [][]byte {
	t.Helper()
	var lines [][]byte
	for _, c := range vectors.Cases[json.RawMessage](t, "rules.json") {
		lines = append(lines, c)
	}
	return lines
}

func TestVectorsInGo(t *testing.T) {
	lines := readVectors(t)
	questions := readQuestions(t, lines)
	compareAll(t, lines, "the file", expected(questions), "Go", answersInGo(t, questions))
}

func TestVectorsInPython(t *testing.T) {
	lines := readVectors(t)
	compareAll(t, lines, "the file", expected(readQuestions(t, lines)), "Python", askPython(t, lines))
}

// Both agree on random cases that nobody has seen. FLIPPER_RULES_CASES is how many,
// FLIPPER_RULES_SEED which ones.
func TestRandomCases(t *testing.T) {
	lines := randomLines(t)
	questions := readQuestions(t, lines)
	compareAll(t, lines, "Go", answersInGo(t, questions), "Python", askPython(t, lines))
}

func randomLines(t *testing.T) [][]byte {
	t.Helper()
	count, seed := "4000", "2"
	if s := os.Getenv("FLIPPER_RULES_CASES"); s != "" {
		count = s
	}
	if s := os.Getenv("FLIPPER_RULES_SEED"); s != "" {
		seed = s
	}
	return readLines(runPython(t, nil, "random_cases.py", count, seed))
}

// The example of the page can be read, and its buckets are right.
func TestPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/rules.md")
	if err != nil {
		t.Fatal(err)
	}
	example := regexp.MustCompile("(?s)```json\n(.*?)```").FindSubmatch(page)
	if example == nil {
		t.Fatal("the page has no example")
	}
	fields, err := targeting.SplitObject(targeting.JSON(example[1]))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rules.Parse("button-colour", targeting.GetField(fields, store.RulesKey)); err != nil {
		t.Errorf("the example: %v", err)
	}

	rows := regexp.MustCompile("(?m)^\\| `(.+)` \\| `(.+)` \\| ([0-9]+) \\| ([0-9]+) \\| ([0-9]+) \\|$").FindAllStringSubmatch(string(page), -1)
	if len(rows) == 0 {
		t.Error("the page has no table of buckets")
	}
	for _, row := range rows {
		seed := xxhash.Sum64(row[1], 0)
		hash := xxhash.Sum64(row[2], seed)
		if got := []string{fmt.Sprint(seed), fmt.Sprint(hash), fmt.Sprint(hash % rules.Buckets)}; !slices.Equal(got, row[3:]) {
			t.Errorf("%s: it is %v", row[0], got)
		}
	}
	rows = regexp.MustCompile("(?m)^\\| `(\\[.+\\])` \\| ([0-9a-f]{40}) \\| ([0-9]+) \\|$").FindAllStringSubmatch(string(page), -1)
	if len(rows) == 0 {
		t.Error("the page has no table of the hash carta")
	}
	for _, row := range rows {
		sum := sha1.Sum([]byte(row[1]))
		bucket := new(big.Int).SetBytes(sum[:])
		bucket.Mod(bucket, big.NewInt(100)).Mul(bucket, big.NewInt(1000))
		if got := []string{hex.EncodeToString(sum[:]), bucket.String()}; !slices.Equal(got, row[2:]) {
			t.Errorf("%s: it is %v", row[0], got)
		}
	}
}

// A definition that was read and is written anew is the same one.
func TestDefinitions(t *testing.T) {
	for _, q := range readQuestions(t, append(randomLines(t), readLines(runPython(t, nil, "handwritten_cases.py"))...)) {
		f, r, known := q.ask(t)
		if f == nil || f.Rules().IsZero() || f.Rules().Err() != nil {
			continue
		}
		if strings.Contains(q.Item, `\ud8`) && !strings.Contains(q.Item, `\ude`) {
			continue // writers refuse text that is not valid Unicode
		}
		written, err := rules.New(f.Name, f.Rules().Definition())
		if err != nil {
			t.Errorf("%s\nis read, and refused when written: %v", q.Item, err)
			continue
		}
		r.Drawn = true // both draw the same
		target := f.Target()
		want, wantErr := rules.Evaluate(&target, r, known)
		target.Rules = written
		got, err := rules.Evaluate(&target, r, known)
		if (err == nil) != (wantErr == nil) || !sameDecision(got, want) {
			t.Errorf("%s\nwritten anew is %s\nand serves %+v, %v, where it served %+v, %v", q.Item, written, got, err, want, wantErr)
		}
	}
}

func sameDecision(d, other targeting.Decision) bool {
	if d.Variant != nil && other.Variant != nil && (d.Variant.Name != other.Variant.Name || !d.Variant.Value.Equal(other.Variant.Value)) {
		return false
	}
	one, two := d, other
	one.Variant, two.Variant = nil, nil
	return one == two && (d.Variant == nil) == (other.Variant == nil)
}

// An explanation ends at the rule that an evaluation names, or with its error.
func TestExplanations(t *testing.T) {
	for _, line := range randomLines(t) {
		q := readQuestions(t, [][]byte{line})[0]
		f, r, known := q.ask(t)
		if f == nil {
			continue
		}
		r.Drawn = true // both draw the same
		target := f.Target()
		d, err := rules.Evaluate(&target, r, known)
		steps := rules.Explain(&target, r, known)
		decided, failed := -1, false
		for _, step := range steps {
			if step.Decided {
				decided = step.Rule
			}
			failed = failed || step.Err != nil
			if !step.Decided && step.Err == nil && step.Split == nil && len(step.Tests) == 0 {
				t.Errorf("%s\nrule %d did not decide, and nothing says why", line, step.Rule)
			}
		}
		if decided != d.Rule || failed != (err != nil && len(steps) > 0) {
			t.Errorf("%s\nis explained by %+v, but the decision is %+v, the error %v", line, steps, d, err)
		}
	}
}
