/** Errors of the area CONFIG: what the user's configuration says. A code is never reused. */
export const configErrorCodes = {
  'HW-CONFIG-001': {
    title: 'the configuration is not valid',
    why: 'Headwater starts with a configuration that is right as a whole, or not at all. Every fault is listed with its path.',
    fix: 'Mend each listed path. `docs/reference/configuration.md` has every option with its type and default.',
    policy: 'stop',
    exitCode: 2,
  },
  'HW-CONFIG-002': {
    title: 'there is no configuration file',
    why: 'The command needs to know the source and the sinks.',
    fix: 'Write headwater.config.ts in this directory, or name another file with --config.',
    policy: 'stop',
    exitCode: 2,
  },
  'HW-CONFIG-003': {
    title: 'the configuration file could not be loaded',
    why: 'The file was found and its code failed, or it exports no configuration.',
    fix: 'Run the file with node by itself to see its error. It must `export default defineConfig({ … })`.',
    policy: 'stop',
    exitCode: 2,
  },
  'HW-CONFIG-004': {
    title: 'a variable of the environment is not set',
    why: 'The configuration refers to ${NAME} and the environment has no such variable.',
    fix: 'Set the variable, or give a default in the configuration: ${NAME:-default}.',
    policy: 'stop',
    exitCode: 2,
  },
  'HW-CONFIG-005': {
    title: 'a secret could not be read',
    why: 'The configuration takes a secret from a file or a callback, and that failed or gave nothing.',
    fix: 'Check that the file exists and that this user may read it, or what the callback does.',
    policy: 'stop',
    exitCode: 2,
  },
} as const;
