// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package server

import "github.com/prometheus/client_golang/prometheus"

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

var (
	readyDesc = describe("flipper_ready", "1 if the server has flags to serve, and does not stop.")
	upDesc    = describe("flipper_store_up", "1 if the store answers, 0 if the server is degraded or not ready.")
	ageDesc   = describe("flipper_store_data_age_seconds",
		"How long ago the server last knew that the flags it reads are current: 0 while it would be told of changes.")
	flagsDesc = describe("flipper_flags", "Flags, as counted after the last change.", "state")

	expiryDesc = describe("flipper_tls_certificate_expiry_timestamp_seconds",
		"Until when the certificate in use is valid, as Unix time.")
	reloadDesc = describe("flipper_tls_last_reload_successful",
		"1 if what is in the certificate files is in use, 0 if it could not be used.")
)

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// A storeCollector shows what is known of the store. It does not ask the store.
type storeCollector struct {
	health *health
	census *census
}

// Describe implements [prometheus.Collector].
func (c *storeCollector) Describe(descs chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{readyDesc, upDesc, ageDesc, flagsDesc} {
		descs <- desc
	}
}

// Collect implements [prometheus.Collector]. What is not known yet is left
// out.
func (c *storeCollector) Collect(out chan<- prometheus.Metric) {
	emit := func(desc *prometheus.Desc, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	emit(readyDesc, truth(c.health.isReady()))
	emit(upDesc, truth(c.health.monitor.current().up))
	if age, known := c.health.monitor.age(); known {
		emit(ageDesc, age.Seconds())
	}
	if n := c.census.last.Load(); n != nil {
		emit(flagsDesc, float64(n.enabled), "enabled")
		emit(flagsDesc, float64(n.disabled), "disabled")
		emit(flagsDesc, float64(n.unreadable), "unreadable")
	}
}

// A certificateCollector shows the certificates.
type certificateCollector struct{ *Certificates }

// Describe implements [prometheus.Collector].
func (c certificateCollector) Describe(descs chan<- *prometheus.Desc) {
	descs <- expiryDesc
	descs <- reloadDesc
}

// Collect implements [prometheus.Collector]. It looks at the files, so that
// new ones are seen though no client connects.
func (c certificateCollector) Collect(out chan<- prometheus.Metric) {
	c.check()
	out <- prometheus.MustNewConstMetric(expiryDesc, prometheus.GaugeValue, float64(c.Expiry().Unix()))
	out <- prometheus.MustNewConstMetric(reloadDesc, prometheus.GaugeValue, truth(!c.failed.Load()))
}
