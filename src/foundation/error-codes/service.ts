/** Errors of the area SERVICE: the running process, its HTTP interface and its command. A code is never reused. */
export const serviceErrorCodes = {
  'HW-SERVICE-001': {
    title: 'the HTTP interface could not listen',
    why: 'Another program has the port, or the address is not one of this machine.',
    fix: 'Choose another port in `http.port` (0 takes a free one), or set `http: false`.',
    policy: 'stop',
    exitCode: 1,
  },
  'HW-SERVICE-002': {
    title: 'no running Headwater answers',
    why: 'The command asks a running Headwater over HTTP, and nothing answered at that address.',
    fix: 'Start `headwater run`, or give the right address with --url or the same configuration file.',
    policy: 'stop',
    exitCode: 6,
  },
  'HW-SERVICE-003': {
    title: 'the running Headwater refused the request',
    why: 'The token is missing or wrong, or the Host or Origin header is not allowed.',
    fix: 'Give the token of `http.token` by --token-file or HEADWATER_HTTP_TOKEN.',
    policy: 'stop',
    exitCode: 5,
  },
  'HW-SERVICE-004': {
    title: 'the command was called in a way it does not know',
    why: 'An unknown command, option or value could mean something else than what was intended.',
    fix: 'Read `headwater --help` or `headwater COMMAND --help`.',
    policy: 'stop',
    exitCode: 2,
  },
  'HW-SERVICE-005': {
    title: 'nothing has that name',
    why: 'The command was given the name of a sink, a mode or an error code that does not exist.',
    fix: 'The message lists the names that exist.',
    policy: 'stop',
    exitCode: 4,
  },
  'HW-SERVICE-006': {
    title: 'the capture worker ended unexpectedly',
    why: 'The thread that reads the slot and appends to the journal died. It is started again; nothing that was confirmed is lost.',
    fix: 'If it repeats, read the cause; the lanes go on with what the journal holds meanwhile.',
    policy: 'retry',
    exitCode: 1,
  },
  'HW-SERVICE-007': {
    title: 'the stop took longer than allowed',
    why: 'A part did not end within `stopTimeoutMs`. What was not acknowledged is delivered again at the next start.',
    fix: 'Raise `stopTimeoutMs`, or look at what the named part waits for.',
    policy: 'stop',
    exitCode: 7,
  },
  'HW-SERVICE-009': {
    title: 'another Headwater answers than the one that was meant',
    why: 'The address leads to a Headwater with another journal than that of the configuration, and what it says is about that.',
    fix: 'Give the address of the right one with --url, or the configuration of the other with --config.',
    policy: 'stop',
    exitCode: 1,
  },
} as const;
