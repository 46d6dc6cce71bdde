import type { WireProtocol } from './wire-protocol.ts';

/** How a call was seen. */
export type NetworkVia = 'fetch' | 'http' | 'http2' | 'client' | 'socket';

/** A call while it is made. */
export interface SeenCall {
  readonly via: NetworkVia;
  /** `host:port`, without path, query or secrets. */
  readonly target: string;
  readonly protocol: WireProtocol | undefined;
  readonly stack: string;
  /** Ends the call before anything has left. Absent: it cannot be ended without harm to others. */
  readonly refuse?: ((error: Error) => void) | undefined;
}

/** Who looks at calls. */
export interface NetworkWatch<Unit extends object> {
  /** The unit that the running code belongs to, while that is open. */
  current(): Unit | undefined;
  /** The frames below a function, or nothing where nobody will read them. */
  stack(below: (...args: never) => unknown): string;
  see(unit: Unit, call: SeenCall): void;
}
