// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package storeurl

import (
	"fmt"
	"net"
	"net/netip"
	"path"
	"regexp"
	"slices"
	"strings"
)

var (
	hostName  = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$`)
	driveName = regexp.MustCompile(`^[A-Za-z]:[\\/]`)
)

// unknownScheme returns the error for a text without a known scheme. It suggests one
// if it is clear what was meant.
func unknownScheme(text string) error {
	if meant := withScheme(text); meant != "" {
		return fmt.Errorf("%w: the scheme is missing: write %s", ErrInvalidURL, meant)
	}
	return fmt.Errorf("%w: use %s", ErrInvalidURL, Forms)
}

// withScheme returns the URL that may have been meant, or an empty text. It repeats
// only paths and addresses, which cannot hold a password.
func withScheme(text string) string {
	switch {
	case text == "memory", text == "consul":
		return text + ":"
	case strings.ContainsAny(text, "@?#") || strings.Contains(text, "://"):
		return ""
	}
	if address := strings.TrimPrefix(text, "//"); isAddress(address) {
		return ofAddress(address)
	}
	if isPath(text) {
		return "bolt:" + text
	}
	return ""
}

// isAddress reports whether text is HOST:PORT.
func isAddress(text string) bool {
	host, port, err := net.SplitHostPort(text)
	if err != nil || !isPort(port) {
		return false
	}
	_, err = netip.ParseAddr(host)
	return err == nil || hostName.MatchString(host)
}

// ofAddress returns the URL of the service that usually listens on a port.
func ofAddress(address string) string {
	switch port, _ := portOf(address); port {
	case "6379":
		return "redis://" + address
	case "26379":
		return "redis+sentinel://" + address + "?master_name=NAME"
	case "8500":
		return "consul://" + address
	}
	return "thrift://" + address
}

// isPath reports whether text looks like the path of a file.
func isPath(text string) bool {
	if driveName.MatchString(text) {
		return true
	}
	if strings.Contains(text, ":") || strings.HasPrefix(text, "//") {
		return false
	}
	for _, prefix := range []string{"/", "./", "../", "~/"} {
		if strings.HasPrefix(text, prefix) {
			return true
		}
	}
	return slices.Contains([]string{".db", ".bolt", ".bbolt"}, path.Ext(text))
}
