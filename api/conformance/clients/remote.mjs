// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// A test in Go calls functions here, one after the other: this asks it for the next
// call, and answers with what the function returns. So the same client runs in Node.js
// and in a browser, and all that is checked is checked in one place.

export async function serve(test, functions) {
  const answer = (result) =>
    fetch(`${test}/result`, { method: 'POST', body: JSON.stringify(result) });
  for (;;) {
    const response = await fetch(`${test}/call`);
    if (response.status !== 200) {
      return; // the test is over
    }
    const { name, args } = await response.json();
    try {
      await answer({ value: (await functions[name](...(args ?? []))) ?? null });
    } catch (error) {
      await answer({ error: describe(error) });
    }
  }
}

// describe returns an error with its causes as text.
export function describe(error) {
  const cause = error?.cause ? `: ${describe(error.cause)}` : '';
  return `${error?.code ?? error?.name ?? ''} ${error?.message ?? error}${cause}`.trim();
}

// A Recorder is a fetch that remembers what was asked and how it was answered.
export class Recorder {
  requests = [];

  fetch = async (request, options) => {
    const response = await fetch(request, options);
    const { pathname, searchParams } = new URL(request.url);
    this.requests.push({
      path: pathname,
      flagConfigEtag: searchParams.get('flagConfigEtag') ?? '',
      ifNoneMatch: request.headers.get('If-None-Match') ?? '',
      etag: response.headers.get('ETag') ?? '',
      retryAfter: response.headers.get('Retry-After') ?? '',
      status: response.status,
    });
    return response;
  };

  // take returns what was asked since the last time.
  take() {
    return this.requests.splice(0);
  }
}
