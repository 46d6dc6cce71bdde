import { HeadwaterError } from '../../foundation/error.ts';
import { nodeDisk } from '../../foundation/node-disk.ts';
import { type VerifyReport, verifyJournal } from '../../journal/embedded/verify-journal.ts';
import type { ResolvedConfig } from '../../service/config-types.ts';
import { createConfiguredDecoder, openConfiguredReader, readRecords } from '../../service/journal-access.ts';
import { configOptions, type Command, type CommandInput } from '../command.ts';
import { formatBytes } from '../format-status.ts';
import { loadConfig } from '../load-config.ts';
import { toRecordJson } from '../record-line.ts';

/** `headwater journal`. */
export const journalCommand: Command = {
  name: 'journal',
  summary: 'verify every byte of the journal, or export it as JSON lines',
  wordCountMax: 1,
  words: ['verify', 'export'],
  usage: 'verify | export [options]',
  description:
    '`verify` reads every byte, checks every rule of the format and names the first that does not hold, with file and offset\n' +
    '(exit code 3). `export` writes every record from the oldest on as one JSON object a line, values included. Both need no\n' +
    'lock and may run beside a running Headwater.',
  options: configOptions,
  examples: ['headwater journal verify', 'headwater journal export > journal.ndjson'],
  async run(input) {
    const [topic] = input.positionals;
    if (topic !== 'verify' && topic !== 'export') {
      throw new HeadwaterError('HW-SERVICE-004', 'say what to do with the journal: verify or export');
    }
    const config = await loadConfig(input.text('config'), input.terminal.environment);
    return topic === 'verify' ? verify(config, input) : exportRecords(config, input);
  },
};

async function verify(config: ResolvedConfig, { terminal, signal, json }: CommandInput): Promise<number> {
  const report = await verifyJournal(config.journal.directory, {
    disk: nodeDisk,
    signal,
    onProgress: ({ byteCount, totalByteCount }) =>
      terminal.progress(`verified ${formatBytes(byteCount)} of ${formatBytes(totalByteCount)}`),
  });
  terminal.out(json ? JSON.stringify(toVerifyJson(report)) : formatVerify(report));
  return report.problem === undefined ? 0 : 3;
}

function toVerifyJson(report: VerifyReport): object {
  const { problem, firstSequence, lastSequence, journalId, ...counts } = report;
  return {
    version: 1,
    ok: problem === undefined,
    journalId: journalId ?? null,
    ...counts,
    firstSequence: String(firstSequence),
    lastSequence: String(lastSequence),
    problem: problem ?? null,
  };
}

function formatVerify(report: VerifyReport): string {
  const { problem, segmentCount, byteCount, transactionCount, firstSequence, lastSequence, tailByteCount } = report;
  const size = `${segmentCount} segment(s), ${formatBytes(byteCount)}, ${transactionCount} transaction(s) ${firstSequence}–${lastSequence}`;
  const tail =
    tailByteCount === 0 ? '' : `, ${tailByteCount} byte(s) at the end are not whole and would be cut at the next start`;
  if (problem === undefined) return `the journal is whole: ${size}${tail}`;
  return `the journal is damaged: ${problem.code} ${problem.message}\n  fix: ${problem.hint}\n  whole before it: ${size}`;
}

async function exportRecords(config: ResolvedConfig, { terminal, signal }: CommandInput): Promise<number> {
  await using reader = await openConfiguredReader(config);
  const decoder = createConfiguredDecoder(config);
  for await (const outbound of readRecords(reader, decoder, { start: 'beginning', follow: false, signal })) {
    terminal.out(JSON.stringify(toRecordJson(outbound, true)));
  }
  return 0;
}
