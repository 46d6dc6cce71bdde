/** Errors of the area CONFIG. A code is never reused. */
export const configErrorCodes = {} as const;
