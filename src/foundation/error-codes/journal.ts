/** Errors of the area JOURNAL. A code is never reused. */
export const journalErrorCodes = {} as const;
