import type { HeadwaterConfig } from './config-types.ts';

/** Types the configuration and returns it as it is. Checks nothing and starts nothing. */
export function defineConfig(config: HeadwaterConfig): HeadwaterConfig {
  return config;
}
