import type { LaneCopyRequest } from '../capture/change-source.ts';
import type { SourceReport } from '../capture/source-report.ts';
import type { LogFields } from '../foundation/logger.ts';
import type { Lsn } from '../model/lsn.ts';
import type { CaptureWorkerInput } from './capture-worker-input.ts';
import type { PlainError } from './plain-error.ts';

/** A source report on its way between threads: everything but the error is plain already. */
export type PlainSourceReport = Omit<SourceReport, 'error'> & { readonly error: PlainError | undefined };

/** What the capture worker is told. */
export type CaptureRequest =
  /** First of all. */
  | { readonly kind: 'start'; readonly input: CaptureWorkerInput }
  | { readonly kind: 'report'; readonly id: number }
  | { readonly kind: 'source-url'; readonly id: number; readonly url: string }
  | { readonly kind: 'source-url-failed'; readonly id: number; readonly error: PlainError }
  /** Lanes that begin with a copy. The whole list, each time. */
  | { readonly kind: 'copies'; readonly requests: readonly LaneCopyRequest[] }
  | { readonly kind: 'progress'; readonly lsn: Lsn }
  | { readonly kind: 'stop' };

/** What the capture worker tells. */
export type CaptureAnswer =
  | { readonly kind: 'started' }
  | { readonly kind: 'finished'; readonly error: PlainError | undefined }
  | { readonly kind: 'report'; readonly id: number; readonly report: PlainSourceReport }
  /** The address of the source is asked for at each connection, so that a callback can give a fresh password. */
  | { readonly kind: 'source-url-wanted'; readonly id: number }
  | {
      readonly kind: 'log';
      readonly level: 'debug' | 'info' | 'warn' | 'error';
      readonly event: string;
      readonly fields: LogFields | undefined;
    };
