// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// What a visitor of the page in examples/browser sees and does.

import { serve } from './remote.mjs';
import '../../../examples/browser/page.mjs';

const functions = {
  // look returns what the page shows, once that is what the test waits for.
  async look(reviews, colour) {
    const seen = () => ({
      reviews: !document.getElementById('reviews').hidden,
      colour: document.getElementById('buy').style.background,
    });
    while (seen().reviews !== reviews || seen().colour !== colour) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    return seen();
  },
  choose(user) {
    const select = document.getElementById('user');
    select.value = user;
    select.dispatchEvent(new Event('change'));
  },
};

// The page waits for its flags, and the test for the page.
serve(location.origin, functions);
