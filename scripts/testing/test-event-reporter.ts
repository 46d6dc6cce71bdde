import { inspect } from 'node:util';
import type { EventData } from 'node:test';
import type { TestEvent } from './test-events.ts';

type ReportedEvent =
  | { readonly type: 'test:pass'; readonly data: EventData.TestPass }
  | { readonly type: 'test:fail'; readonly data: EventData.TestFail }
  | { readonly type: 'test:diagnostic'; readonly data: EventData.TestDiagnostic }
  | { readonly type: 'test:summary' };

/** A `node:test` reporter that writes one JSON line per verdict or remark, for the process that runs all test files. */
export default async function* reportTestEvents(source: AsyncIterable<ReportedEvent>): AsyncGenerator<string> {
  for await (const event of source) {
    const line = describe(event);
    if (line !== undefined) yield `${JSON.stringify(line)}\n`;
  }
}

function describe(event: ReportedEvent): TestEvent | undefined {
  switch (event.type) {
    case 'test:summary':
      return { kind: 'ended' };
    case 'test:diagnostic':
      return isTotal(event.data) ? undefined : { kind: 'remark', text: event.data.message };
    case 'test:pass':
      return describeResult(event.data, true, undefined);
    case 'test:fail':
      return describeResult(event.data, false, event.data.details.error);
    default:
      return undefined;
  }
}

/** The runner's own totals stand for the whole file, so for its first character. */
function isTotal({ line, column }: EventData.TestDiagnostic): boolean {
  return line === undefined || (line === 1 && column === 1);
}

function describeResult(
  data: EventData.TestPass | EventData.TestFail,
  isPassed: boolean,
  error: (Error & { failureType?: string }) | undefined,
): TestEvent {
  return {
    kind: 'result',
    name: data.name,
    nesting: data.nesting,
    isSuite: data.details.type === 'suite',
    isPassed,
    skipReason: data.skip === undefined || data.skip === false ? undefined : String(data.skip),
    isTodo: data.todo !== undefined && data.todo !== false,
    durationMs: data.details.duration_ms,
    failure: error === undefined ? undefined : explain(error),
    isFailedByChildren: error?.failureType === 'subtestsFailed',
  };
}

/** The runner wraps what the test threw; the cause is what a reader needs, with its own causes and details. */
function explain(error: Error): string {
  return explainThrown(error.cause ?? error);
}

/** What a test threw comes before what its disposals threw, which says least about itself and is caught last. */
function explainThrown(thrown: unknown): string {
  if (thrown instanceof SuppressedError) {
    return `${explainThrown(thrown.suppressed)}\nand then, on disposal: ${explainThrown(thrown.error)}`;
  }
  return typeof thrown === 'string' ? thrown : inspect(thrown, { depth: 6, colors: false });
}
