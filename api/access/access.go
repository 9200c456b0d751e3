// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/api/environment"
	"github.com/flipper-go/flipper/api/token"
	"github.com/flipper-go/flipper/internal/limitedlog"
)

const (
	// DefaultMaxBody is how many bytes the body of a request may have.
	DefaultMaxBody = 1 << 20

	// DefaultBodyTimeout is how long the body of a request may take to arrive.
	DefaultBodyTimeout = 10 * time.Second
)

// Access lets calls in, or refuses them. It is safe for concurrent use.
type Access struct {
	environments environment.Environments
	tokens       token.Tokens // nil: callers need none
	anyone       bool         // also without tokens from elsewhere
	origins      []string
	crossOrigin  *http.CrossOriginProtection
	limits       *limits
	maxBody      int64
	bodyTimeout  time.Duration
	logger       *slog.Logger
	log          *limitedlog.Log
	observer     Observer // or nil
}

// An Option changes what [New] makes.
type Option func(*Access)

// WithTokens requires a token of each caller. By default callers need none, and only
// those on the same machine are let in.
func WithTokens(tokens token.Tokens) Option { return func(a *Access) { a.tokens = tokens } }

// WithAnyone lets in callers from everywhere without a token. The default is not to.
func WithAnyone() Option { return func(a *Access) { a.anyone = true } }

// WithOrigins names the origins, such as https://shop.example, whose pages may call the
// API from a browser. By default only pages of the server itself may.
func WithOrigins(origins ...string) Option { return func(a *Access) { a.origins = origins } }

// WithRate limits how many calls a second each token may make, on average, and how many
// at once. By default there is no limit.
func WithRate(perSecond float64, burst int) Option {
	return func(a *Access) { a.limits.setRate(perSecond, burst) }
}

// WithMaxBody sets how many bytes the body of a request may have. The default is
// [DefaultMaxBody].
func WithMaxBody(bytes int64) Option { return func(a *Access) { a.maxBody = bytes } }

// WithBodyTimeout sets how long the body of a request may take to arrive. The default is
// [DefaultBodyTimeout].
func WithBodyTimeout(d time.Duration) Option { return func(a *Access) { a.bodyTimeout = d } }

// WithLogger sets where calls are logged. The default is [slog.Default].
func WithLogger(l *slog.Logger) Option { return func(a *Access) { a.logger = l } }

// WithObserver sets who is told of each call. The default is nobody.
func WithObserver(o Observer) Option { return func(a *Access) { a.observer = o } }

// New makes the access to environments. It fails if an origin is none.
func New(environments environment.Environments, opts ...Option) (*Access, error) {
	a := &Access{
		environments: environments,
		crossOrigin:  http.NewCrossOriginProtection(),
		limits:       newLimits(),
		maxBody:      DefaultMaxBody,
		bodyTimeout:  DefaultBodyTimeout,
		logger:       slog.Default(),
	}
	for _, opt := range opts {
		opt(a)
	}
	for _, origin := range a.origins {
		if err := a.crossOrigin.AddTrustedOrigin(origin); err != nil {
			return nil, fmt.Errorf("origin %q: write it as in https://shop.example: %w", origin, err)
		}
	}
	a.log = limitedlog.New(a.logger)
	return a, nil
}

// Logger returns where calls are logged.
func (a *Access) Logger() *slog.Logger { return a.logger }

// A Handler answers a call that was let in. An error that it returns is rendered by the
// family's [Refuse]; then it must not have written anything.
type Handler func(w http.ResponseWriter, r *http.Request, call *Call) error

// Handle registers a handler for a pattern of a mux, for callers whose role allows what
// needed says.
func (a *Access) Handle(mux *http.ServeMux, pattern string, needed token.Role, refuse Refuse, handle Handler) {
	mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		call, err := a.Admit(w, r, needed)
		if err == nil {
			err = handle(w, r, call)
		}
		if err != nil {
			a.Refuse(w, r, err, refuse)
		}
	})
}

// Refuse answers a call with an error: see [RefusalOf]. What only the server knows is
// logged.
func (a *Access) Refuse(w http.ResponseWriter, r *http.Request, err error, refuse Refuse) {
	refusal := RefusalOf(err)
	if refusal.Status >= http.StatusInternalServerError {
		cause := err
		if refusal.Err != nil {
			cause = refusal.Err
		}
		a.LogFailure(r.Context(), cause)
	}
	refusal.header(w.Header())
	refuse(w, r, refusal)
}

// LogFailure logs why a call could not be answered, unless its caller is gone.
func (a *Access) LogFailure(ctx context.Context, err error) {
	if ctx.Err() == nil {
		a.log.Error("a call failed", "error", err, "request_id", RequestID(ctx))
	}
}

// LogChanges logs changes of flags that a call made: what changed in words, and who made
// it. method names the operation.
func (a *Access) LogChanges(ctx context.Context, method string, changes []flipper.FlagChange) {
	if !a.logger.Enabled(ctx, slog.LevelInfo) {
		return
	}
	for _, c := range changes {
		attrs := []slog.Attr{
			slog.String("feature_name", c.Name), slog.String("change", strings.Join(c.Words(), "; ")), slog.String("method", method),
		}
		a.logger.LogAttrs(ctx, slog.LevelInfo, "flag changed", append(attrs, Caller(ctx)...)...)
	}
}

// A Call is one that was let in.
type Call struct {
	access *Access
	named  string // the environment that the query names

	// Token is the caller's. It is the zero Token if callers need none.
	Token token.Token
	// Role is what the caller may do.
	Role token.Role
}

// Admit decides whether a call is let in: for frameworks that cannot use
// [Access.Handle]. The error is a [*Refusal].
func (a *Access) Admit(w http.ResponseWriter, r *http.Request, needed token.Role) (*Call, error) {
	if err := a.checkOrigin(w, r); err != nil {
		return nil, err
	}
	call := &Call{access: a, Role: token.Admin}
	if a.tokens == nil {
		if err := a.checkNeighbour(r); err != nil {
			return nil, err
		}
	} else if err := a.authenticate(r, call); err != nil {
		return nil, err
	}
	if caller := callerOf(r.Context()); caller != nil {
		caller.token = call.Token.Name
	}
	if !call.Role.May(needed) {
		return nil, refusalf(http.StatusForbidden, "The token's role is %s; this needs the role %s.", call.Role, needed)
	}
	if r.ContentLength > a.maxBody {
		return nil, bodyTooLarge(a.maxBody)
	}
	if r.URL.RawQuery != "" {
		call.named = r.URL.Query().Get("environment")
	}
	return call, nil
}

func (a *Access) authenticate(r *http.Request, call *Call) error {
	secret := secretOf(r.Header)
	if secret == "" {
		return refusalf(http.StatusUnauthorized, "The call has no token: send the header Authorization: Bearer TOKEN.")
	}
	t, err := a.tokens.Find(secret)
	if err != nil {
		if !errors.Is(err, token.ErrUnknown) {
			return err
		}
		// Whoever has the right token is let in all the same: behind one address there
		// may be many.
		if wait := a.limits.failed(r.RemoteAddr); wait > 0 {
			return &Refusal{Status: http.StatusTooManyRequests, Detail: "Too many wrong tokens came from this address.", RetryAfter: wait}
		}
		return refusalf(http.StatusUnauthorized, "The token is wrong, or it was revoked.")
	}
	if wait := a.limits.exceeded(t); wait > 0 {
		return &Refusal{Status: http.StatusTooManyRequests, Detail: "The token makes too many calls.", RetryAfter: wait}
	}
	call.Token, call.Role = t, t.Role
	return nil
}

// secretOf returns the token that a call has. It comes with or without Bearer, as
// clients of different protocols send it.
func secretOf(h http.Header) string {
	if key := h.Get("X-API-Key"); key != "" {
		return key
	}
	value := strings.TrimSpace(h.Get("Authorization"))
	if scheme, rest, ok := strings.Cut(value, " "); ok && strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(rest)
	}
	return value
}

// checkNeighbour refuses what does not come from this machine, and pages of other sites
// that pretend to (DNS rebinding: their name is made to resolve to a loopback address).
func (a *Access) checkNeighbour(r *http.Request) error {
	if a.anyone {
		return nil
	}
	if peer, err := netip.ParseAddrPort(r.RemoteAddr); err != nil || !peer.Addr().Unmap().IsLoopback() {
		return refusalf(http.StatusForbidden, "The server has no tokens, so it answers only callers on its own machine.")
	}
	if !isLocalHost(r.Host) {
		return refusalf(http.StatusForbidden, "The server has no tokens, so it answers only under localhost or a loopback address.")
	}
	return nil
}

// isLocalHost reports whether a Host header names this machine in a way that no DNS
// server can forge.
func isLocalHost(hostPort string) bool {
	host := hostPort
	if h, _, err := net.SplitHostPort(hostPort); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if address, err := netip.ParseAddr(host); err == nil {
		return address.Unmap().IsLoopback()
	}
	return strings.EqualFold(host, "localhost")
}

// Environment returns the environment that a call is for: the one of a name that the
// family found in the call, or if that is empty, of the query's parameter environment,
// or the token's, or the only one. The error is a [*Refusal].
func (c *Call) Environment(name string) (*environment.Environment, error) {
	if name == "" {
		name = c.named
	}
	if name == "" && len(c.Token.Environments) == 1 {
		name = c.Token.Environments[0]
	}
	if name != "" && !c.Token.For(name) {
		return nil, refusalf(http.StatusForbidden, "The token is not for the environment %q.", name)
	}
	env, err := c.access.environments.Find(name)
	switch {
	case err == nil && env.Name() != "" && !c.Token.For(env.Name()):
		return nil, refusalf(http.StatusForbidden, "The token is not for the environment %q.", env.Name())
	case errors.Is(err, environment.ErrUnnamed):
		return nil, &Refusal{Status: http.StatusBadRequest, Detail: "environment: it is missing: name one of " + c.choice() + ".", Err: err}
	case err != nil:
		return nil, &Refusal{Status: http.StatusBadRequest, Detail: fmt.Sprintf("environment: there is none called %q: name one of %s.", name, c.choice()), Err: err}
	}
	return env, nil
}

// TokenEnvironment returns the environment that the token is for, or the only one. It is
// for protocols in which a call cannot name one: what their queries call environment
// counts only if the token leaves several to choose from. The error is a [*Refusal].
func (c *Call) TokenEnvironment() (*environment.Environment, error) {
	names := c.Token.Environments
	if len(names) == 0 {
		names = c.access.environments.Names()
	}
	if len(names) == 1 {
		return c.Environment(names[0])
	}
	return c.Environment("")
}

// choice lists the environments that the caller may name.
func (c *Call) choice() string {
	return strings.Join(slices.DeleteFunc(c.access.environments.Names(), func(name string) bool { return !c.Token.For(name) }), ", ")
}
