// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// Asks Unleash's clients. Each line on standard input is a JSON object with a context and
// the names of flags; each line on standard output has the answers, by name.
//
//   node answers.cjs server URL TOKEN   the client that evaluates itself
//   node answers.cjs frontend URL TOKEN the client that gets answers

'use strict';

const readline = require('node:readline');

const [kind, url, token] = process.argv.slice(2);

function fail(error) {
  console.error(error);
  process.exit(1);
}

// Each kind returns a function from a context and names to answers, and one that ends
// the client.
async function server() {
  const { initialize } = require('unleash-client');
  const client = initialize({
    url: `${url}/api/`,
    appName: 'conformance',
    customHeaders: { Authorization: token },
    disableMetrics: true,
    disableAutoStart: false,
  });
  client.on('error', fail);
  client.on('warn', fail);
  await new Promise((resolve) => client.once('synchronized', resolve));
  const ask = async (context, names) =>
    Object.fromEntries(
      names.map((name) => [name, { enabled: client.isEnabled(name, context), variant: client.getVariant(name, context) }]),
    );
  return { ask, end: () => client.destroy() };
}

async function frontend() {
  const { UnleashClient } = require('unleash-proxy-client');
  const client = new UnleashClient({
    url: `${url}/api/frontend`,
    clientKey: token,
    appName: 'conformance',
    disableRefresh: true,
    disableMetrics: true,
  });
  client.on('error', fail);
  await client.start();
  const ask = async (context, names) => {
    await client.updateContext(context);
    return Object.fromEntries(names.map((name) => [name, { enabled: client.isEnabled(name), variant: client.getVariant(name) }]));
  };
  return { ask, end: () => client.stop() };
}

async function main() {
  const { ask, end } = await { server, frontend }[kind]();
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const { context, names } = JSON.parse(line);
    console.log(JSON.stringify(await ask(context, names)));
  }
  end();
}

main().catch(fail);
