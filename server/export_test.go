// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package server

// CertificateCheckInterval is for tests that wait it out.
const CertificateCheckInterval = certificateCheckInterval
