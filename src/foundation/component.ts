/** A long-running part. */
export interface Component {
  /** Resolves when the part is ready; rejects when it cannot be. */
  start(signal?: AbortSignal): Promise<void>;
  /** Idempotent, legal in any state. Resolves when nothing of the part runs any more. */
  stop(): Promise<void>;
}
