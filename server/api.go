// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/api"
	"github.com/flipper-go/flipper/api/access"
	"github.com/flipper-go/flipper/api/environment"
	"github.com/flipper-go/flipper/api/ofrep"
	"github.com/flipper-go/flipper/api/rest"
	"github.com/flipper-go/flipper/api/stored"
	"github.com/flipper-go/flipper/api/token"
	"github.com/flipper-go/flipper/api/unleash"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/mirror"
)

// DefaultAPI is where the flipper command serves the HTTP API.
const DefaultAPI = "127.0.0.1:8082"

const (
	// apiWriteTimeout is how long an answer may take. Streams of events set times of
	// their own.
	apiWriteTimeout = 30 * time.Second

	// apiMaxHeader is how many bytes the headers of a request may have, about. More are
	// answered with 431.
	apiMaxHeader = 16 << 10
)

// families are the protocols of the API.
var families = []api.Family{ofrep.Register, rest.Register, stored.Register, unleash.Register}

// apiConfig is what the options say of the HTTP API.
type apiConfig struct {
	address      string
	optional     bool // start without, if the address is taken
	started      func(net.Addr)
	tokens       token.Tokens
	environment  string // the name of the store's environment
	more         []namedStore
	targetingKey string
	access       []access.Option
}

type namedStore struct {
	name  string
	store store.Store
}

// WithAPI sets the address of the HTTP API. By default there is none. With
// [WithCertificates] it is served over TLS; clients identify themselves by tokens, not by
// certificates.
func WithAPI(address string) Option { return func(c *config) { c.api.address = address } }

// WithOptionalAPI has the server start without the HTTP API, and log a warning, if another
// program listens on its address. It is for an address that nobody has chosen: two servers
// on one machine then need not name one. By default the server does not start.
func WithOptionalAPI() Option { return func(c *config) { c.api.optional = true } }

// WithAPIStarted sets a function that is called with the address of the HTTP API once the
// server listens. The default is none.
func WithAPIStarted(started func(net.Addr)) Option {
	return func(c *config) { c.api.started = started }
}

// WithTokens requires a token of each caller of the HTTP API. By default it needs none,
// and answers only callers on the same machine.
func WithTokens(tokens token.Tokens) Option { return func(c *config) { c.api.tokens = tokens } }

// WithEnvironment names the environment of the store's flags: calls of the HTTP API for
// another are refused. By default it has no name, and answers calls for any.
func WithEnvironment(name string) Option { return func(c *config) { c.api.environment = name } }

// WithAnotherEnvironment serves the flags of another store over the HTTP API too, as an
// environment of its own. Then that of [WithEnvironment] needs a name.
func WithAnotherEnvironment(name string, s store.Store) Option {
	return func(c *config) { c.api.more = append(c.api.more, namedStore{name, s}) }
}

// WithTargetingKey sets the attribute that identifies whom a question over the HTTP API is
// about, whatever its protocol calls that. The default is
// [environment.DefaultTargetingKey].
func WithTargetingKey(attribute string) Option {
	return func(c *config) { c.api.targetingKey = attribute }
}

// WithOrigins names the origins, such as https://shop.example, whose pages may call the
// HTTP API from a browser. By default only pages of the server itself may.
func WithOrigins(origins ...string) Option {
	return func(c *config) { c.api.access = append(c.api.access, access.WithOrigins(origins...)) }
}

// WithTokenRate limits how many calls of the HTTP API a second each token may make, and
// how many at once. By default there is no limit.
func WithTokenRate(perSecond float64, burst int) Option {
	return func(c *config) { c.api.access = append(c.api.access, access.WithRate(perSecond, burst)) }
}

// An apiServer serves the HTTP API.
type apiServer struct {
	server       *http.Server
	listener     net.Listener
	environments environment.Environments
	mirrors      []*mirror.Store
}

// newAPI makes the server of the HTTP API on a listener, nil if there is none. Close it.
func (c *config) newAPI(ctx context.Context, s store.Store, l net.Listener, m *apiMetrics) (*apiServer, error) {
	if l == nil {
		return nil, nil
	}
	a := &apiServer{listener: l}
	if err := a.open(ctx, c, s, m); err != nil {
		a.close()
		return nil, err
	}
	return a, nil
}

// open makes what the server needs.
func (a *apiServer) open(ctx context.Context, c *config, s store.Store, m *apiMetrics) error {
	for _, named := range append([]namedStore{{c.api.environment, s}}, c.api.more...) {
		if err := a.addEnvironment(c, named); err != nil {
			return err
		}
	}
	if _, err := environment.NewEnvironments(a.environments...); err != nil {
		return err
	}
	opts := append([]access.Option{access.WithLogger(c.logger), access.WithObserver(m)}, c.api.access...)
	if c.api.tokens != nil {
		opts = append(opts, access.WithTokens(c.api.tokens))
	}
	if c.insecure {
		opts = append(opts, access.WithAnyone())
	}
	door, err := access.New(a.environments, opts...)
	if err != nil {
		return err
	}
	// Calls in flight finish after ctx has ended.
	requests := context.WithoutCancel(ctx)
	a.server = &http.Server{
		Handler:           api.New(door, families...),
		ReadHeaderTimeout: httpHeaderTimeout,
		WriteTimeout:      apiWriteTimeout,
		IdleTimeout:       httpIdleTimeout,
		MaxHeaderBytes:    apiMaxHeader,
		ErrorLog:          slog.NewLogLogger(c.logger.Handler(), slog.LevelDebug), // clients cause what it says
		BaseContext:       func(net.Listener) context.Context { return requests },
	}
	if c.certificates != nil {
		a.listener = tls.NewListener(a.listener, c.certificates.httpConfig())
	}
	return nil
}

// addEnvironment adds the environment of a store, in front of which it puts a mirror if
// the store does not answer from memory.
func (a *apiServer) addEnvironment(c *config, named namedStore) error {
	s := named.store
	if _, ok := s.(store.Peeker); !ok {
		watcher, ok := s.(store.Watcher)
		if !ok {
			return fmt.Errorf("the API needs a store that tells of changes: a %T does not", s)
		}
		m := mirror.New(watcher, mirror.WithLogger(c.logger))
		a.mirrors = append(a.mirrors, m)
		s = m
	}
	var opts []environment.Option
	if c.api.targetingKey != "" {
		opts = append(opts, environment.WithTargetingKey(c.api.targetingKey))
	}
	env, err := environment.New(named.name, flipper.New(s, flipper.WithLogger(c.logger)), opts...)
	if err != nil {
		return err
	}
	a.environments = append(a.environments, env)
	return nil
}

// shutdown ends streams, and lets other calls finish until ctx ends.
func (a *apiServer) shutdown(ctx context.Context) error {
	if a == nil {
		return nil
	}
	for _, env := range a.environments {
		_ = env.Close() // which never fails
	}
	err := a.server.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, a.server.Close())
	}
	return err
}

// close ends what the server began.
func (a *apiServer) close() {
	if a == nil {
		return
	}
	for _, env := range a.environments {
		_ = env.Close() // which never fails
	}
	for _, m := range a.mirrors {
		_ = m.Close() // likewise
	}
}

// apiMetrics count the calls of the HTTP API. Values of labels are routes of this module
// and methods, and never what clients send, so that there are few.
type apiMetrics struct {
	calls     *prometheus.CounterVec
	durations *prometheus.HistogramVec
	inFlight  prometheus.Gauge
}

var _ access.Observer = (*apiMetrics)(nil)

func newAPIMetrics() *apiMetrics {
	return &apiMetrics{
		calls: counters("flipper_api_calls_total",
			"Calls of the HTTP API that ended, by route, method and status.", "route", "method", "status"),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "flipper_api_call_duration_seconds",
			Help:    "Time until a call of the HTTP API was answered, by route, without streams of events.",
			Buckets: callBuckets,
		}, []string{"route"}),
		inFlight: gauge("flipper_api_calls_in_flight", "Calls of the HTTP API that are being answered, streams of events among them."),
	}
}

// Describe implements [prometheus.Collector].
func (m *apiMetrics) Describe(ch chan<- *prometheus.Desc) {
	m.calls.Describe(ch)
	m.durations.Describe(ch)
	m.inFlight.Describe(ch)
}

// Collect implements [prometheus.Collector].
func (m *apiMetrics) Collect(ch chan<- prometheus.Metric) {
	m.calls.Collect(ch)
	m.durations.Collect(ch)
	m.inFlight.Collect(ch)
}

// CallStarted counts a call in.
func (m *apiMetrics) CallStarted() { m.inFlight.Inc() }

// CallEnded counts a call out.
func (m *apiMetrics) CallEnded(e access.Ended) {
	m.inFlight.Dec()
	m.calls.WithLabelValues(e.Route, e.Method, strconv.Itoa(e.Status)).Inc()
	if !e.Stream {
		m.durations.WithLabelValues(e.Route).Observe(e.Duration.Seconds())
	}
}
