/** Errors of the area EMIT. A code is never reused. */
export const emitErrorCodes = {} as const;
