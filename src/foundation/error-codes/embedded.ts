/** Errors of the area EMBEDDED: the private PostgreSQL server of the demo and the tests. A code is never reused. */
export const embeddedErrorCodes = {} as const;
