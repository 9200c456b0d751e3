// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import "strings"

// Which table a row belongs into.

func isByHandle(name string) bool {
	return strings.HasSuffix(name, byHandle) || name == floorHandleName
}
func isCached(name string) bool { return name == overCached || name == floorCacheName }
func isByName(name string) bool { return !isByHandle(name) && !isCached(name) }
