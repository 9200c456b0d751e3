// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/urfave/cli/v3"

	"github.com/flipper-go/flipper/server"
)

// loadCertificates returns nil if no certificate is named.
func loadCertificates(c *cli.Command, logger *slog.Logger) (*server.Certificates, error) {
	files := server.CertificateFiles{
		Certificate: c.String("tls-cert"),
		Key:         c.String("tls-key"),
		ClientCA:    c.String("tls-client-ca"),
	}
	switch {
	case files == server.CertificateFiles{} && c.Bool("http-tls"):
		return nil, usagef("--http-tls needs --tls-cert and --tls-key")
	case files == server.CertificateFiles{}:
		return nil, nil
	case files.Certificate == "" || files.Key == "":
		return nil, usagef("TLS needs both --tls-cert and --tls-key")
	}
	return server.LoadCertificates(files, logger)
}

// reloadOnHangup has the certificates, which may be nil, read again on SIGHUP.
// Without certificates the signal does nothing, rather than end the process: who
// asks for a reload does not want that. The function that it returns ends it.
func reloadOnHangup(certificates *server.Certificates, logger *slog.Logger) (end func()) {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	var running sync.WaitGroup
	running.Go(func() {
		for range hangups {
			if certificates == nil {
				logger.Info("SIGHUP: there are no certificates to load")
				continue
			}
			if err := certificates.Reload(); err != nil {
				logger.Error("SIGHUP: new TLS certificates cannot be used; the ones in use stay", slog.Any("error", err))
			}
		}
	})
	return func() {
		signal.Stop(hangups) // nothing is sent after it
		close(hangups)
		running.Wait()
	}
}
