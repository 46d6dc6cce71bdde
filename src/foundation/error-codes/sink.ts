/** Errors of the area SINK. A code is never reused. */
export const sinkErrorCodes = {} as const;
