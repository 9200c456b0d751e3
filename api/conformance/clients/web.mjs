// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// OpenFeature's web SDK with its OFREP provider, in a browser.

import { OFREPWebProvider } from '@openfeature/ofrep-web-provider';
import { OpenFeature, ProviderEvents } from '@openfeature/web-sdk';
import { Recorder, describe, serve } from './remote.mjs';

const client = OpenFeature.getClient();

let recorder = new Recorder();
let events = [];
let wake = () => {};
for (const event of [ProviderEvents.ConfigurationChanged, ProviderEvents.Error, ProviderEvents.Stale]) {
  client.addHandler(event, (details) => {
    events.push({ event, flagsChanged: details?.flagsChanged ?? [], message: details?.message ?? '' });
    wake();
  });
}

const functions = {
  // start makes a provider the one that is asked. It never polls.
  async start(baseUrl, token, context, cacheMode = 'disabled') {
    recorder = new Recorder();
    const headers = token ? [['Authorization', `Bearer ${token}`]] : [];
    await OpenFeature.setContext(context);
    const provider = new OFREPWebProvider({ baseUrl, headers, pollInterval: 0, cacheMode, fetchImplementation: recorder.fetch });
    try {
      await OpenFeature.setProviderAndWait(provider);
      return '';
    } catch (error) {
      return describe(error);
    } finally {
      events = [];
    }
  },

  setContext: (context) => OpenFeature.setContext(context),

  details: (kind, key, otherwise) => client[`get${kind}Details`](key, otherwise),

  requests: () => recorder.take(),

  // asked waits until something was asked.
  async asked() {
    while (recorder.requests.length === 0) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  },

  // refresh does what the provider does when the page comes to the front, and waits
  // until it was answered.
  async refresh() {
    document.dispatchEvent(new Event('visibilitychange'));
    await functions.asked();
  },

  // event waits for the next event of the provider.
  async event() {
    while (events.length === 0) {
      await new Promise((resolve) => (wake = resolve));
    }
    return events.shift();
  },

  // streams returns the addresses of the event streams that were opened.
  streams: () => performance.getEntriesByType('resource').map((entry) => entry.name).filter((name) => name.includes('/events')),

  close: () => OpenFeature.clearProviders(),
};

serve(location.origin, functions);
