// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// OpenFeature's server SDK with its OFREP provider, in Node.js.

import { OFREPProvider } from '@openfeature/ofrep-provider';
import { OpenFeature } from '@openfeature/server-sdk';
import { Recorder, serve } from './remote.mjs';

let recorder = new Recorder();

const functions = {
  async start(baseUrl, token) {
    recorder = new Recorder();
    const headers = token ? [['Authorization', `Bearer ${token}`]] : [];
    await OpenFeature.setProviderAndWait(new OFREPProvider({ baseUrl, headers, fetchImplementation: recorder.fetch }));
  },
  details: (kind, key, otherwise, context) => OpenFeature.getClient()[`get${kind}Details`](key, otherwise, context),
  requests: () => recorder.take(),
};

await serve(process.argv[2], functions);
