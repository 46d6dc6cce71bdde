/** Errors of the area SERVICE. A code is never reused. */
export const serviceErrorCodes = {} as const;
