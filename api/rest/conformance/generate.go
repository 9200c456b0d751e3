// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// Package conformance holds the OpenAPI document of the API to what others make of it: a
// validator, and a client that a public generator wrote. It is a module of its own, so
// that what it needs stays out of everybody else's.
package conformance

// The document is written by the test with -update.
//go:generate go run github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v2.8.2 -generate types,client -package client -o client/client.go openapi.json
