// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// The client in JavaScript of the integration guide: it asks by HTTP, and keeps the
// answers in Redis, if there is one.

import axios from 'axios';
import Redis from 'ioredis';
import { serve } from './remote.mjs';

class FeatureFlagClient {
  constructor({ serviceUrl, environment, token, redis, cacheTtl = 300 }) {
    this.environment = environment;
    this.redis = redis;
    this.cacheTtl = cacheTtl;
    this.http = axios.create({
      baseURL: serviceUrl,
      timeout: 5000,
      headers: token ? { 'X-API-Key': token } : {},
    });
  }

  cacheKey(flag, user) {
    return `ff_eval:${this.environment}:${flag}:${user}`;
  }

  async isEnabled(flag, user, defaultValue = false) {
    const key = this.cacheKey(flag, user);
    const cached = await this.redis?.get(key);
    if (cached != null) {
      return cached === 'true';
    }
    try {
      const { data } = await this.http.post('/api/v1/feature-flags/evaluate', {
        flag_name: flag,
        user_id: user,
        environment: this.environment,
      });
      const enabled = data.enabled || defaultValue;
      await this.redis?.setex(key, this.cacheTtl, String(enabled));
      return enabled;
    } catch {
      return defaultValue;
    }
  }

  async areEnabled(flags, user) {
    const { data } = await this.http.post('/api/v1/feature-flags/evaluate/batch', flags, {
      params: { user_id: user, environment: this.environment },
    });
    return Object.fromEntries(flags.map((flag) => [flag, data[flag]?.enabled ?? false]));
  }

  // updated is what a consumer of the topic feature-flag-updates does with a message.
  async updated({ flag_name: flag, environment }) {
    const keys = await this.redis.keys(`ff_eval:${environment}:${flag}:*`);
    if (keys.length > 0) {
      await this.redis.del(...keys);
    }
  }
}

let client;

const functions = {
  start(serviceUrl, environment, token, redisUrl) {
    const redis = redisUrl ? new Redis(redisUrl) : undefined;
    client = new FeatureFlagClient({ serviceUrl, environment, token, redis });
  },
  isEnabled: (flag, user, otherwise) => client.isEnabled(flag, user, otherwise),
  areEnabled: (flags, user) => client.areEnabled(flags, user),
  updated: (message) => client.updated(message),
  cached: async () => Object.fromEntries(await Promise.all((await client.redis.keys('*')).sort().map(async (key) => [key, await client.redis.get(key)]))),
  close: () => client.redis?.quit(),
};

await serve(process.argv[2], functions);
