/** Errors of the area SOURCE: the PostgreSQL that is captured, its settings, rights, publication and slot. */
export const sourceErrorCodes = {
  'HW-SOURCE-001': {
    title: 'a text is not a WAL location',
    why: 'A location that cannot be read cannot be compared, and a wrong comparison loses changes.',
    fix: "Give PostgreSQL's own form, two hexadecimal numbers with a slash: 16/B374D848.",
    policy: 'stop',
    exitCode: 2,
  },
} as const;
