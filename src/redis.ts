/** `headwater/redis`: the Redis sink. Needs the optional package `@redis/client`, which `redis` brings along. */
export { redisSink } from './delivery/sinks/redis/redis-sink.ts';
export type {
  RedisDurability,
  RedisKeyOptions,
  RedisSinkOptions,
  RedisStreamOptions,
} from './delivery/sinks/redis/redis-options.ts';
