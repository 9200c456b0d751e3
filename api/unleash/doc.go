// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// Package unleash speaks the two protocols of Unleash's clients.
//
// The frontend API, below /api/frontend, answers for one context. The server evaluates,
// so the answers are exact for every flag. Its clients are unleash-proxy-client and
// what is built on it.
//
// The client API, below /api/client, hands out flags that Unleash's server-side clients
// evaluate themselves. It serves only flags that Unleash's model expresses exactly, and
// leaves the others out: see [Supported].
//
// # Contexts
//
// Unleash's userId is the attribute userId, and also the attribute that identifies users
// here, which is user_id by default; see [environment.WithTargetingKey]. All other fields
// and all properties of a context are attributes of the same name.
//
// The environment is that of the token. What a context calls environment is an
// attribute, as in Unleash.
package unleash
