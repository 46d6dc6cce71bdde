/** Errors of the area DEMO: the programs that the demo starts. A code is never reused. */
export const demoErrorCodes = {
  'HW-DEMO-001': {
    title: 'a program of the demo ended although nobody stopped it',
    why: 'The demo kills its programs on purpose and knows when. This one ended by itself, so what follows would prove nothing.',
    fix: 'Read the last lines of its log, which are in the message.',
    policy: 'stop',
    exitCode: 1,
  },
  'HW-DEMO-002': {
    title: 'a store of the demo did not answer',
    why: 'It is cut off or gone for a moment, as the demo intends. Whoever sends tries again.',
    fix: 'Nothing: it comes back by itself.',
    policy: 'retry',
    exitCode: 6,
  },
  'HW-DEMO-003': {
    title: 'the demo has no Kafka to work with',
    why: '`--with kafka` needs a real broker, and the package brings none.',
    fix: 'Give the address of one: --kafka-brokers 127.0.0.1:9092.',
    policy: 'stop',
    exitCode: 4,
  },
  'HW-DEMO-004': {
    title: 'the demo cannot work on the given PostgreSQL server',
    why: 'It makes two databases and a replication slot of its own there, and drops them at the end.',
    fix: 'Give the address of a superuser on a server with wal_level = logical, or leave --url out for a private server.',
    policy: 'stop',
    exitCode: 5,
  },
  'HW-DEMO-005': {
    title: 'a program of the demo was not ready in time',
    why: 'It started, but has not said within the time allowed that it listens.',
    fix: 'Run the demo again on a machine that is less busy; the last lines of its log are in the message.',
    policy: 'stop',
    exitCode: 7,
  },
  'HW-DEMO-006': {
    title: 'a program of the demo was started with settings that it cannot read',
    why: 'These programs are started by the demo alone, with one line of JSON on their standard input.',
    fix: 'Run `headwater demo` instead.',
    policy: 'stop',
    exitCode: 2,
  },
} as const;
