/** Errors of the area CAPTURE. A code is never reused. */
export const captureErrorCodes = {} as const;
