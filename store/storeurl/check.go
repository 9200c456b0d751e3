// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package storeurl

import (
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// parse parses a URL that begins with a scheme. Its errors repeat nothing of the
// URL: if a password holds a /, its first half is where the port should be.
func parse(text string) (*url.URL, error) {
	_, rest, _ := strings.Cut(text, "://")
	authority := rest
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		authority = rest[:i]
	}
	address := authority[strings.LastIndex(authority, "@")+1:]
	if isBareIPv6(address) {
		return nil, fmt.Errorf("%w: write brackets around an IPv6 address, as in thrift://[::1]:9090", ErrInvalidURL)
	}
	if port, ok := portOf(address); ok && !isPort(port) {
		return nil, portError("the port", strings.Contains(rest[len(authority):], "@"))
	}
	u, err := url.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%w: it is not a URL: use %s", ErrInvalidURL, Forms)
	}
	if u.Fragment != "" || strings.Contains(u.Path, "@") {
		return nil, fmt.Errorf("%w: there is something after the host that no store has%s", ErrInvalidURL, escapeHint)
	}
	for name, values := range u.Query() {
		if strings.Contains(name, "@") {
			return nil, fmt.Errorf("%w: a parameter has an @ in its name%s", ErrInvalidURL, escapeHint)
		}
		// Further nodes of a cluster, and further Sentinels.
		for _, address := range values {
			if port, ok := portOf(address); name == "addr" && ok && !isPort(port) {
				return nil, portError("the port in addr", false)
			}
		}
	}
	return u, nil
}

// escapeHint says how to write a password that would end its part of the URL.
const escapeHint = " (in a password, write %2F for /, %3F for ? and %23 for #)"

func portError(what string, hint bool) error {
	err := fmt.Errorf("%w: %s is not a number from 1 to 65535", ErrInvalidURL, what)
	if hint {
		return fmt.Errorf("%w%s", err, escapeHint)
	}
	return err
}

// portOf returns what follows the last colon of an address, which may have no
// port.
func portOf(address string) (port string, ok bool) {
	i := strings.LastIndex(address, ":")
	if i < 0 || i < strings.LastIndex(address, "]") || i == len(address)-1 {
		return "", false
	}
	return address[i+1:], true
}

func isPort(text string) bool {
	n, err := strconv.ParseUint(text, 10, 16)
	return err == nil && n > 0
}

// isBareIPv6 reports whether an address is that of an IPv6 host, with or without a
// port, and lacks the brackets that tell the two apart.
func isBareIPv6(address string) bool {
	for _, host := range []string{address, address[:max(0, strings.LastIndex(address, ":"))]} {
		if ip, err := netip.ParseAddr(host); err == nil && ip.Is6() {
			return true
		}
	}
	return false
}
