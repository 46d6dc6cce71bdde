import { Client, Pool } from 'pg';

/** What is done to a statement on its way: cut the connection before it is sent, or behind its effect and before its answer; or keep it. */
export type Disturbance =
  | { readonly kind: 'cut-before' }
  | { readonly kind: 'cut-behind'; readonly done: () => Promise<void> }
  | { readonly kind: 'hold'; readonly until: Promise<void> };

/** Sees every statement of a pool's connections. */
export type StatementHook = (text: string) => Disturbance | undefined;

/** A pool of node-postgres whose statements pass by `hook`. */
export function openHookedPool(url: string, hook: () => StatementHook, connections = 6): Pool {
  const pool = new Pool({ connectionString: url, max: connections, Client: hookedClient(hook) });
  pool.on('error', () => undefined);
  return pool;
}

function hookedClient(hook: () => StatementHook): typeof Client {
  const send: unknown = Reflect.get(Client.prototype, 'query');
  class HookedClient extends Client {}
  Object.defineProperty(HookedClient.prototype, 'query', {
    value(this: Client, ...args: readonly unknown[]): unknown {
      const [statement] = args;
      const text = typeof statement === 'string' ? statement : (Reflect.get(Object(statement), 'text') as string);
      const disturbance = hook()(text);
      const { stream } = Reflect.get(this, 'connection') as { readonly stream: import('node:stream').Duplex };
      if (disturbance?.kind === 'cut-before') stream.destroy();
      if (disturbance?.kind === 'cut-behind') {
        stream.pause();
        void disturbance.done().finally(() => stream.destroy());
      }
      const pass = (): unknown => Reflect.apply(send as () => unknown, this, args);
      return disturbance?.kind === 'hold' ? disturbance.until.then(pass) : pass();
    },
  });
  return HookedClient;
}
