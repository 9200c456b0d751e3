// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// A page whose parts are switched by flags, and change while it is open.

import { OFREPWebProvider } from '@openfeature/ofrep-web-provider';
import { OpenFeature, ProviderEvents } from '@openfeature/web-sdk';

const parameters = new URLSearchParams(location.search);
const server = parameters.get('server') ?? 'http://127.0.0.1:8082';
const token = parameters.get('token'); // a page's token is for everybody to see: give it the role evaluate

const element = (id) => document.getElementById(id);
const flags = OpenFeature.getClient();

function show() {
  element('reviews').hidden = !flags.getBooleanValue('PRODUCT_REVIEWS', false);
  element('buy').style.background = flags.getStringValue('BUY_COLOUR', '#555');
  element('state').textContent = `Flags are up to date since ${new Date().toLocaleTimeString()}.`;
}

for (const event of [ProviderEvents.Ready, ProviderEvents.ConfigurationChanged, ProviderEvents.ContextChanged]) {
  flags.addHandler(event, show);
}
flags.addHandler(ProviderEvents.Error, () => {
  element('state').textContent = `${server} does not answer: the page shows what it shows without flags.`;
});

element('user').addEventListener('change', ({ target }) => OpenFeature.setContext({ targetingKey: target.value }));

await OpenFeature.setContext({ targetingKey: element('user').value });
OpenFeature.setProvider(new OFREPWebProvider({
  baseUrl: server,
  headers: token ? [['Authorization', `Bearer ${token}`]] : [],
}));
