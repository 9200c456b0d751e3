// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package deploy_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"testing"
	"time"
)

// The authorities that the image brings are those that the program trusts: it
// talks to a store over TLS whose certificate is of one of them, and to no other.
func TestImageTrustsItsAuthorities(t *testing.T) {
	img := readImage(t)
	trusted, authority := selfSigned(t)
	stranger, _ := selfSigned(t)
	root := img.unpack(t, authority)
	for _, c := range []struct {
		certificate tls.Certificate
		want        bool
	}{{trusted, true}, {stranger, false}} {
		listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{c.certificate}, MinVersion: tls.VersionTLS12})
		must(t, err)
		handshakes := make(chan error, 1)
		go func() {
			defer close(handshakes)
			conn, err := listener.Accept()
			if err != nil {
				handshakes <- err
				return
			}
			defer conn.Close()
			// What comes after the handshake is the client's first command, or
			// its word that it does not trust us.
			conn.SetDeadline(time.Now().Add(time.Minute))
			_, err = conn.Read(make([]byte, 1))
			handshakes <- err
		}()
		img.start(t, root, map[string]string{"FLIPPER_STORE": "rediss://" + listener.Addr().String()})
		if err := <-handshakes; (err == nil) != c.want {
			t.Errorf("the handshake: %v", err)
		}
		must(t, listener.Close())
	}
}

func selfSigned(t *testing.T) (pair tls.Certificate, certificate []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "store"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
